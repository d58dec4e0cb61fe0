import { expectTypeOf } from 'expect-type';
import type { Server } from 'socket.io';
import type { Socket as ClientSocket } from 'socket.io-client';
import {
  defineEvents,
  type AuthenticatedSocket,
  type ClientEventAnswer,
  type ClientEventData,
  type ClientEventName,
  type ClientToServer,
  type DisconnectReason,
  type NamespacePropagator,
  type Receipt,
  type RedisPropagatorAsyncOptions,
  type RedisPropagatorOptionsFactory,
  type RedisPropagatorService,
  type ServerToClient,
  type UserAnswers,
} from '../../../src/index.js';
import { RecordingPropagator } from '../../../src/testing/index.js';
import type { ClientToServerEvents, contract, ServerToClientEvents, Typing } from './contracts.js';

type Contract = typeof contract;

export async function withContract(propagator: RedisPropagatorService<Contract>): Promise<void> {
  const order = { id: '1', total: 2 };
  expectTypeOf(
    await propagator.emitToUser({ userId: 1, event: 'order-update', data: order }),
  ).toEqualTypeOf<Receipt>();
  await propagator.emitToUsers({
    userIds: ['1'],
    event: 'order-update',
    data: order,
    namespace: '/',
  });
  await propagator.emitToRoom({
    room: 'r',
    event: 'typing',
    data: { userId: '1' },
    volatile: false,
    latestOnly: 'key',
  });
  await propagator.emitToAll({ event: 'moved', args: [1, 2] });
  await propagator.emitToAll({ event: 'reload' });
  await propagator.emitToAuthenticated({ event: 'said', namespace: '/chat', data: { id: 1 } });
  await propagator.propagateEvent({
    userId: null,
    socketId: 's',
    event: 'said',
    namespace: '/chat',
    data: { id: 1 },
  });
  // Read from elsewhere.
  const changed = { event: 'order-update' as const, data: order };
  await propagator.emitToRoom({ ...changed, room: 'r' });

  // @ts-expect-error a misspelled event
  await propagator.emitToUser({ userId: 1, event: 'order-updated', data: order });
  // @ts-expect-error wrong data
  await propagator.emitToUser({ userId: 1, event: 'order-update', data: { id: 1, total: 2 } });
  // @ts-expect-error no data
  await propagator.emitToUser({ userId: 1, event: 'order-update' });
  // @ts-expect-error data for an event without data
  await propagator.emitToAll({ event: 'reload', data: 1 });
  // @ts-expect-error one argument too few
  await propagator.emitToAll({ event: 'moved', args: [1] });
  // @ts-expect-error several arguments are no data
  await propagator.emitToAll({ event: 'moved', data: [1, 2] });
  // @ts-expect-error an event of another namespace
  await propagator.emitToAll({ event: 'said', data: { id: 1 } });
  // @ts-expect-error a namespace that the contract does not have
  await propagator.emitToAll({ event: 'said', namespace: '/chats', data: { id: 1 } });
  // @ts-expect-error an event that asks for an acknowledgement, in a verb that asks for none
  await propagator.emitToAll({ event: 'confirm', data: 'x' });
  // @ts-expect-error no user
  await propagator.emitToUser({ event: 'order-update', data: order });
  // @ts-expect-error an unknown option
  await propagator.emitToAll({ event: 'order-update', data: order, volatil: true });

  const answers = await propagator.requestUser({
    userId: 1,
    event: 'confirm',
    data: 'x',
    timeoutMs: 1,
  });
  expectTypeOf(answers).toEqualTypeOf<UserAnswers<{ id: number }>>();
  // @ts-expect-error an event without acknowledgement
  await propagator.requestUser({ userId: 1, event: 'typing', data: { userId: '1' } });
  // @ts-expect-error wrong data
  await propagator.requestUser({ userId: 1, event: 'confirm', data: 1 });

  const chat = propagator.of('/chat');
  expectTypeOf(chat).toEqualTypeOf<NamespacePropagator<Contract, '/chat'>>();
  await chat.emitToAll({ event: 'said', data: { id: 1 } });
  // @ts-expect-error an event of another namespace
  await chat.emitToAll({ event: 'reload' });
  // @ts-expect-error the propagator is bound
  await chat.emitToAll({ event: 'said', data: { id: 1 }, namespace: '/chat' });
  // @ts-expect-error a namespace that the contract does not have
  propagator.of('/chats');
  await chat.joinUser('1', 'room');
  await propagator.of('/').requestUser({ userId: 1, event: 'confirm', data: 'x' });
}

export async function withSocketIoMap(
  propagator: RedisPropagatorService<ServerToClientEvents>,
): Promise<void> {
  await propagator.emitToAll({ event: 'noArg' });
  await propagator.emitToAll({ event: 'basicEmit', args: [1, 'b', Buffer.of(1)] });
  await propagator.emitToAll({ event: 'single', data: 'x', namespace: '/any' });
  await propagator.emitToAll({ event: 'optional' });
  await propagator.emitToAll({ event: 'optional', data: 'x' });
  await propagator.of('/any').emitToAll({ event: 'single', data: 'x' });
  const { items } = await propagator.requestUser({ userId: 1, event: 'withAck', data: 'd' });
  expectTypeOf(items[0]?.answer).toEqualTypeOf<number | undefined>();
  // @ts-expect-error wrong arguments
  await propagator.emitToAll({ event: 'basicEmit', args: [1, 2, Buffer.of(1)] });
  // @ts-expect-error a misspelled event
  await propagator.of('/any').emitToAll({ event: 'singel', data: 'x' });
}

export async function withTypesAlone(
  propagator: RedisPropagatorService<typeof plain>,
  named: RedisPropagatorService<{
    '/': ServerToClientEvents;
    '/chat': { said: (id: number) => void };
  }>,
): Promise<void> {
  await propagator.emitToAll({ event: 'single', data: 'x' });
  // @ts-expect-error wrong data
  await propagator.emitToAll({ event: 'single', data: 1 });
  await named.of('/chat').emitToAll({ event: 'said', data: 1 });
  await named.emitToAll({ event: 'said', data: 1, namespace: '/chat' });
  // @ts-expect-error an event of another namespace
  await named.of('/').emitToAll({ event: 'said', data: 1 });
  expectTypeOf<ClientEventName<typeof plain>>().toEqualTypeOf<'hello'>();
  expectTypeOf<ClientEventData<typeof plain, 'hello'>>().toEqualTypeOf<string>();
  expectTypeOf<ClientEventAnswer<typeof plain, 'hello'>>().toEqualTypeOf<string>();
}
const plain = defineEvents<ServerToClientEvents, ClientToServerEvents>();

/** As before there were contracts. */
export async function without(propagator: RedisPropagatorService): Promise<void> {
  await propagator.emitToUser<Typing>({ userId: 1, event: 'anything', data: { userId: '1' } });
  // @ts-expect-error the data has the type that the call names
  await propagator.emitToUser<Typing>({ userId: 1, event: 'anything', data: 1 });
  // @ts-expect-error an unknown option
  await propagator.emitToUser({ userId: 1, event: 'anything', datta: 1 });
  // @ts-expect-error an unknown option
  await propagator.requestUser({ userId: 1, event: 'anything', timeout: 1 });
  expectTypeOf(await propagator.requestUser<number>({ userId: 1, event: 'e' })).toEqualTypeOf<
    UserAnswers<number>
  >();
  expectTypeOf(
    await propagator.requestUser<number, Typing>({ userId: 1, event: 'e', data: { userId: '1' } }),
  ).toEqualTypeOf<UserAnswers<number>>();
  expectTypeOf(await propagator.requestUser({ userId: 1, event: 'e' })).toEqualTypeOf<
    UserAnswers<unknown>
  >();
  const chat: NamespacePropagator = propagator.of('/chat');
  await chat.emitToAll({ event: 'x', data: 1 });
  const name: string = '/dynamic';
  await propagator.of(name).emitToAll({ event: 'x' });
}

/** A test double is passed where a typed service is expected. */
export function inTests(): RedisPropagatorService<Contract>[] {
  return [new RecordingPropagator<Contract>().asService()];
}

declare const server: Server<ClientToServer<Contract>, ServerToClient<Contract>>;
declare const client: ClientSocket<ServerToClient<Contract>, ClientToServer<Contract>>;
declare const socket: AuthenticatedSocket<
  { role: 'admin' },
  ClientToServer<Contract>,
  ServerToClient<Contract>,
  { locale: string }
>;

export function ofSocketIo(): void {
  server.to('room').emit('moved', 1, 2);
  // @ts-expect-error wrong data
  server.emit('moved', 1, '2');
  client.on('order-update', ({ total }) => expectTypeOf(total).toEqualTypeOf<number>());
  client.emit('say', { text: 'x', at: '2026' }, ({ id }) =>
    expectTypeOf(id).toEqualTypeOf<number>(),
  );
  // @ts-expect-error a misspelled event
  client.emit('sai', { text: 'x', at: '2026' }, () => undefined);
  socket.emit('order-update', { id: '1', total: 2 });
  // @ts-expect-error wrong data
  socket.emit('order-update', { id: 1 });
  expectTypeOf(socket.auth?.role).toEqualTypeOf<'admin' | undefined>();
  expectTypeOf(socket.data.locale).toEqualTypeOf<string>();
  expectTypeOf(socket.data.userId).toEqualTypeOf<string | undefined>();
}

expectTypeOf<ClientEventName<Contract>>().toEqualTypeOf<'say' | 'place' | 'leave'>();
// A handler gets the output of the schema.
expectTypeOf<ClientEventData<Contract, 'say'>>().toEqualTypeOf<{ text: string; at: Date }>();
expectTypeOf<ClientEventData<Contract, 'place'>>().toEqualTypeOf<
  [number, { text: string; at: Date }]
>();
expectTypeOf<ClientEventData<Contract, 'leave'>>().toEqualTypeOf<undefined>();
expectTypeOf<ClientEventAnswer<Contract, 'say'>>().toEqualTypeOf<{ id: number }>();
expectTypeOf<ClientEventAnswer<Contract, 'leave'>>().toEqualTypeOf<never>();
expectTypeOf<ServerToClient<Contract, '/chat'>>().toEqualTypeOf<{
  said: (data: { id: number }) => void;
}>();

/** What a user has to name. */
export class OptionsFactory implements RedisPropagatorOptionsFactory {
  createRedisPropagatorOptions() {
    return { prefix: 'shop' };
  }
}
export const asynchronous: RedisPropagatorAsyncOptions = { useClass: OptionsFactory };
export const drained: DisconnectReason = 'server.draining';
// @ts-expect-error a misspelled reason
export const misspelled: DisconnectReason = 'server.drained';

// @ts-expect-error no schema
defineEvents({ said: { data: 1 } });
// @ts-expect-error no schema, by namespace
defineEvents({ '/chat': { said: { data: 1 } } });
// @ts-expect-error no schema, of the clients
defineEvents({}, { client: { say: { ack: 1 } } });
