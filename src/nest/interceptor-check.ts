import type { Type } from '@nestjs/common';
import { MetadataScanner, type ApplicationConfig } from '@nestjs/core';
import type { WsResponse } from '@nestjs/websockets';
import { shown } from '../options/checks.js';
import { gatewaysIn, type NestParts } from './gateway-check.js';
import { HANDLER_METADATA, MESSAGE_METADATA } from './nest-internals.js';
import { PROPAGATE_METADATA } from './propagate.decorator.js';
import { isBoundTo, isPropagatorInterceptor } from './redis-propagator.interceptor.js';
import type { Runtime } from './runtime.js';

/** How many handlers a warning names. */
const MAX_NAMES = 5;

/** A method of a gateway that handles messages. @internal */
export interface Handler {
  readonly name: string;
  readonly gateway: Type;
  readonly method: object;
}

/**
 * Returns a warning if `@Propagate` has no effect, because no `RedisPropagatorInterceptor` is bound to the handler.
 *
 * @internal
 */
export function unboundAudiences({ config, modules }: NestParts): string | undefined {
  if (isBoundGlobally(config)) return undefined;
  const names = handlersIn({ modules })
    .filter(({ gateway, method }) => hasAudience(gateway, method) && !isBoundTo([gateway, method]))
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return (
    `@Propagate has no effect on ${names.slice(0, MAX_NAMES).join(', ')}${more}: RedisPropagatorInterceptor is not ` +
    'bound there, and the events go to the asking client only. Write @UseInterceptors(RedisPropagatorInterceptor) on ' +
    'the gateway.'
  );
}

/**
 * Watches for events that went to the asking client only, and logs once that this may be a mistake.
 *
 * @internal
 */
export function unseenResponse(
  nest: NestParts,
  { reporter, authenticates }: Pick<Runtime, 'reporter' | 'authenticates'>,
): (message: string, response: WsResponse) => void {
  let checked = false;
  return (message, { event }) => {
    if (checked) return;
    checked = true;
    const subject = `The event ${shown(event)}, the response to message ${message}, went to the asking client only`;
    if (isBoundGlobally(nest.config)) {
      reporter.logger.warn(
        `${subject}. RedisPropagatorInterceptor is bound globally and was not called: Nest 11 applies global ` +
          'interceptors to no gateway. Write @UseInterceptors(RedisPropagatorInterceptor) on the gateway.',
      );
      return;
    }
    const bound = boundHandlersIn(nest).length > 0;
    // An app that binds it anywhere knows about it, and without users there are no other devices.
    if (bound || !authenticates) return;
    reporter.logger.log(
      `${subject}: RedisPropagatorInterceptor is bound to no gateway. If the user's other devices are to get responses as ` +
        'well, write @UseInterceptors(RedisPropagatorInterceptor) on the gateway; if not, all is well.',
    );
  };
}

/** Tells whether a handler of a message may be called with the interceptor. @internal */
export function boundMessages(nest: NestParts): (message: unknown) => boolean {
  let bound: ReadonlySet<unknown> | undefined;
  return (message) => {
    if (isBoundGlobally(nest.config)) return true;
    bound ??= new Set(boundHandlersIn(nest).map(messageOf));
    // If Nest marks messages in another way, each handler may be called with it.
    return bound.has(message) || bound.has(undefined);
  };
}

function boundHandlersIn(nest: NestParts): Handler[] {
  return handlersIn(nest).filter(({ gateway, method }) => isBoundTo([gateway, method]));
}

/** The message of a handler. @internal */
export function messageOf({ method }: Handler): unknown {
  return Reflect.getMetadata(MESSAGE_METADATA, method);
}

/** The handlers of all gateways. @internal */
export function handlersIn({ modules }: Pick<NestParts, 'modules'>): Handler[] {
  const scanner = new MetadataScanner();
  return [...gatewaysIn(modules)].flatMap((gateway) => {
    const prototype = gateway.prototype as Record<string, object>;
    return scanner
      .getAllMethodNames(prototype)
      .map((method) => ({ name: `${gateway.name}.${method}`, method: prototype[method], gateway }))
      .filter((handler): handler is Handler => {
        const { method } = handler;
        return method !== undefined && Reflect.hasMetadata(HANDLER_METADATA, method);
      });
  });
}

function hasAudience(gateway: object, method: object): boolean {
  const audience: unknown =
    Reflect.getMetadata(PROPAGATE_METADATA, method) ??
    Reflect.getMetadata(PROPAGATE_METADATA, gateway);
  return audience !== undefined && audience !== false;
}

function isBoundGlobally(config: ApplicationConfig): boolean {
  return (
    config.getGlobalInterceptors().some(isPropagatorInterceptor) ||
    config.getGlobalRequestInterceptors().some(({ metatype }) => isPropagatorInterceptor(metatype))
  );
}
