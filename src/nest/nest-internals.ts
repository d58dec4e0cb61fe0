import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

/**
 * Every private name of Nest that this library uses. No other file contains one. {@link nestFaults} says which
 * names differ in the installed version; the checks that depend on them are skipped then.
 */

/** The metadata of `@WebSocketGateway`, in Nest 11 and 12. @internal */
export const GATEWAY_METADATA = 'websockets:is_gateway';

/** The metadata of `@SubscribeMessage`, in Nest 11 and 12. @internal */
export const HANDLER_METADATA = 'websockets:message_mapping';

/** The metadata of the message of a handler. @internal */
export const MESSAGE_METADATA = 'message';

/** The metadata of the interceptors of a class or a handler. @internal */
export const INTERCEPTORS_METADATA = '__interceptors__';

@WebSocketGateway()
class ProbeGateway {
  @SubscribeMessage('probe')
  @UseInterceptors({ intercept: (_, next) => next.handle() })
  handle(): void {}
}

const probe = Object.getOwnPropertyDescriptor(ProbeGateway.prototype, 'handle')?.value as object;

const MARKED: readonly (readonly [name: string, on: object])[] = [
  [GATEWAY_METADATA, ProbeGateway],
  [HANDLER_METADATA, probe],
  [MESSAGE_METADATA, probe],
  [INTERCEPTORS_METADATA, probe],
];

/** Names that Nest's own decorators do not set. @internal */
export function nestFaults(marked = MARKED): string[] {
  return marked.filter(([name, on]) => !Reflect.hasMetadata(name, on)).map(([name]) => name);
}
