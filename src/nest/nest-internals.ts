import { UseInterceptors, type Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

/**
 * Every private name of Nest that this library uses. No other file contains one. {@link nestFaults} says which
 * names differ in the installed version; the checks that depend on them are skipped then.
 */

/** The metadata of `@WebSocketGateway`, in Nest 11 and 12. @internal */
export const GATEWAY_METADATA = 'websockets:is_gateway';

/** The metadata of the options and the port of a gateway. @internal */
export const GATEWAY_OPTIONS_METADATA = 'websockets:gateway_options';
const PORT_METADATA = 'port';

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
  [GATEWAY_OPTIONS_METADATA, ProbeGateway],
  [PORT_METADATA, ProbeGateway],
  [HANDLER_METADATA, probe],
  [MESSAGE_METADATA, probe],
  [INTERCEPTORS_METADATA, probe],
];

/** Names that Nest's own decorators do not set. @internal */
export function nestFaults(marked = MARKED): string[] {
  return marked.filter(([name, on]) => !Reflect.hasMetadata(name, on)).map(([name]) => name);
}

/** A `NestApplication` whose gateways have been served. */
interface PrivateApp {
  readonly socketModule?: {
    readonly socketsContainer?: {
      getOneByConfig?(config: object): { readonly server?: unknown } | undefined;
    };
  };
}

/** The server or namespace that the app's adapter created for a gateway; undefined if Nest does not show it. @internal */
export function serverOfGateway(app: object, gateway: Type): object | undefined {
  const port: unknown = Reflect.getMetadata(PORT_METADATA, gateway);
  const options: unknown = Reflect.getMetadata(GATEWAY_OPTIONS_METADATA, gateway);
  const { path, namespace } = (options ?? {}) as { path?: string; namespace?: unknown };
  // Nest finds it by exactly these properties.
  const config = { port: port ?? 0, path, ...(namespace ? { namespace } : {}) };
  const container = (app as PrivateApp).socketModule?.socketsContainer;
  if (typeof container?.getOneByConfig !== 'function') return undefined;
  const server = container.getOneByConfig(config)?.server;
  return typeof server === 'object' && server !== null ? server : undefined;
}
