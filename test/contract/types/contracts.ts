import * as v from 'valibot';
import { z } from 'zod';
import { defineEvents, typed } from '../../../src/index.js';

export interface Typing {
  userId: string;
}

export const Order = z.object({ id: z.string(), total: z.number() });
export const Say = z.object({
  text: z.string(),
  at: z.string().transform((text) => new Date(text)),
});
export const Said = v.object({ id: v.number() });

export const contract = defineEvents(
  {
    '/': {
      'order-update': { data: Order },
      typing: { data: typed<Typing>(), volatile: true },
      moved: { args: [z.number(), z.number()] },
      reload: {},
      confirm: { data: z.string(), ack: Said },
    },
    '/chat': { said: { data: Said } },
  },
  { client: { say: { data: Say, ack: Said }, place: { args: [z.number(), Say] }, leave: {} } },
);

/** As in Socket.IO's documentation. */
export interface ServerToClientEvents {
  noArg: () => void;
  basicEmit: (a: number, b: string, c: Buffer) => void;
  single: (text: string) => void;
  optional: (text?: string) => void;
  withAck: (d: string, callback: (e: number) => void) => void;
}

export interface ClientToServerEvents {
  hello: (name: string, callback: (greeting: string) => void) => void;
}
