import { expectTypeOf } from 'expect-type';
import { connect, type ClientSocket } from 'nestjs-redis-propagator-client';
import { watchPresence } from 'nestjs-redis-propagator-client/presence';
import { z } from 'zod';
import { defineEvents } from '../../../src/index.js';

const contract = defineEvents(
  {
    '/': {
      'order-update': { data: z.object({ id: z.string(), total: z.number() }) },
      moved: { args: [z.number(), z.number()] },
    },
    '/chat': { said: { data: z.object({ text: z.string() }) } },
  },
  {
    client: {
      '/': { note: { data: z.string() } },
      '/chat': { say: { data: z.object({ text: z.string() }), ack: z.object({ id: z.number() }) } },
    },
  },
);

const socket = connect<typeof contract>('http://localhost', {
  getToken: ({ reason, code }) => (reason === 'refused' ? (code ?? null) : 'token'),
});
expectTypeOf(socket).toEqualTypeOf<ClientSocket<typeof contract>>();
socket.on('order-update', (order) =>
  expectTypeOf(order).toEqualTypeOf<{ id: string; total: number }>(),
);
socket.on('moved', (x, y) => expectTypeOf([x, y]).toEqualTypeOf<number[]>());
socket.on('propagator:disconnect', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<string>());
socket.emit('note', 'milk');
// @ts-expect-error a misspelled name
socket.on('order-updat', () => undefined);
// @ts-expect-error wrong data
socket.emit('note', 1);
// @ts-expect-error an event of another namespace
socket.emit('say', { text: 'hello' });
// @ts-expect-error no such namespace
socket.of('/chats');

const chat = socket.of('/chat');
chat.on('said', ({ text }) => expectTypeOf(text).toEqualTypeOf<string>());
expectTypeOf(await chat.emitOnce('say', { text: 'hello' })).toEqualTypeOf<{ id: number }>();
// @ts-expect-error wrong data
void chat.emitOnce('say', { texts: 'hello' });
const same: ClientSocket<typeof contract, '/chat'> = connect<typeof contract, '/chat'>('/chat');
expectTypeOf(same).toEqualTypeOf(chat);

expectTypeOf(watchPresence(chat, [1]).get().get('1')?.status).toEqualTypeOf<
  string | null | undefined
>();
// @ts-expect-error no socket of connect()
watchPresence({ connected: true }, ['alice']);
// @ts-expect-error one id instead of a list, whose characters would be users
watchPresence(chat, 'alice');

/** Types of Socket.IO alone. */
interface FromServer {
  news: (headline: string) => void;
}
connect<FromServer>('http://localhost').on('news', (headline) =>
  expectTypeOf(headline).toEqualTypeOf<string>(),
);

/** No contract: any event. */
const any = connect('http://localhost');
any.on('anything', (data: number) => data);
any.emit('anything', 1, 2);
expectTypeOf(any.status.get().state).toExtend<string>();
