import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { documentOf, type AsyncApiDocument, type AsyncApiInfo } from '../contract/async-api.js';
import { misused } from '../options/checks.js';
import { namespaceOfGateway } from './contract-check.js';
import { handlersIn, messageOf } from './interceptor-check.js';
import type { Runtime } from './runtime.js';
import { RUNTIME } from './tokens.js';

/**
 * Describes an app as an AsyncAPI 3 document: the events of its contract, and the messages that its gateways handle.
 *
 * ```ts
 * const document = asyncApiOf(app, { title: 'Shop', version: '1.0.0' });
 * ```
 *
 * @throws PropagatorError `option.invalid`
 */
export function asyncApiOf(app: INestApplicationContext, info: AsyncApiInfo): AsyncApiDocument {
  const modules = app.get(ModulesContainer);
  const runtime = [...modules.values()]
    .map(({ providers }) => providers.get(RUNTIME)?.instance as Runtime | undefined)
    .find((instance) => instance !== undefined && instance !== null);
  if (runtime === undefined) {
    throw misused(
      'app',
      'no app with RedisPropagatorModule',
      'Add RedisPropagatorModule.forRoot() to it.',
    );
  }
  const handled = handlersIn({ modules }).flatMap((handler) => {
    const message = messageOf(handler);
    if (typeof message !== 'string') return [];
    return [{ namespace: namespaceOfGateway(handler.gateway), message, handler: handler.name }];
  });
  return documentOf(runtime.checks?.contract, info, handled);
}
