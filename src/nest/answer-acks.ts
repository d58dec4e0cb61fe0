import type { IoAdapter } from '@nestjs/platform-socket.io';
import { tap } from 'rxjs';
import { isWsResponse } from './ws-response.js';

type Handlers = Parameters<IoAdapter['bindMessageHandlers']>[1];
type Transform = Parameters<IoAdapter['bindMessageHandlers']>[2];
type Acknowledge = (answer?: unknown) => void;

/**
 * Nest's IoAdapter leaves a client that asked for an acknowledgement waiting forever where the handler responds
 * with events only, or with null. Here it is answered: with nothing once the last event is sent, or with null.
 * (Socket.IO sends the first answer only, so a handler that answers by itself stays right.)
 *
 * @internal
 */
export function answeringHandlers(handlers: Handlers, transform: Transform): [Handlers, Transform] {
  const acks = new WeakMap<object, Acknowledge>();
  const answering = handlers.map((handler) =>
    handler.isAckHandledManually
      ? handler
      : {
          ...handler,
          callback: (data: unknown, ack?: Acknowledge): unknown => {
            const result: unknown = handler.callback(data, ack);
            if (typeof ack === 'function' && typeof result === 'object' && result !== null) {
              acks.set(result, ack);
            }
            return result;
          },
        },
  ) as Handlers;
  return [
    answering,
    (result: unknown) => {
      const responses = transform(result);
      const ack = typeof result === 'object' && result !== null ? acks.get(result) : undefined;
      if (ack === undefined) return responses;
      let events = false;
      return responses.pipe(
        tap({
          next: (response: unknown) => {
            if (response === null) ack(null);
            else if (isWsResponse(response)) events = true;
          },
          complete: () => {
            if (events) ack();
          },
        }),
      );
    },
  ];
}
