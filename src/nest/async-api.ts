import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { documentOf, type AsyncApiDocument, type AsyncApiInfo } from '../contract/async-api.js';
import type { EventContract } from '../contract/define-events.js';
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
 * @param contract in place of that of the app; needed in Nest's preview mode, which makes no providers
 * @throws PropagatorError `option.invalid`
 */
export function asyncApiOf(
  app: INestApplicationContext,
  info: AsyncApiInfo,
  contract?: EventContract,
): AsyncApiDocument {
  const modules = app.get(ModulesContainer);
  const handled = handlersIn({ modules }).flatMap((handler) => {
    const message = messageOf(handler);
    if (typeof message !== 'string') return [];
    return [{ namespace: namespaceOfGateway(handler.gateway), message, handler: handler.name }];
  });
  return documentOf(contract ?? contractOf(modules), info, handled);
}

function contractOf(modules: ModulesContainer): EventContract | undefined {
  const runtime = [...modules.values()]
    .map(({ providers }) => providers.get(RUNTIME)?.instance as Runtime | undefined)
    .find((instance) => instance !== undefined && instance !== null);
  if (runtime !== undefined) return runtime.checks?.contract;
  throw misused(
    'app',
    'no app with RedisPropagatorModule',
    'Add RedisPropagatorModule.forRoot() to it.',
  );
}
