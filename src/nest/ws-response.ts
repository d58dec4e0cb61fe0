import type { WsResponse } from '@nestjs/websockets';

/**
 * Whether a handler's result is an event: what Nest's IoAdapter emits to the client, in place of acknowledging.
 *
 * @internal
 */
export function isWsResponse(result: unknown): result is WsResponse {
  if (typeof result !== 'object' || result === null) return false;
  const { event } = result as Partial<WsResponse>;
  return typeof event === 'string' && event !== '';
}
