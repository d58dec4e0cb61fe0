import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { watchPresence } from '../../client/presence/index.js';
import type { ClientSocket } from '../../client/src/index.js';
import { until } from '../support/until.js';
import { Clients, untilState } from './support/clients.js';
import { PlainServer } from './support/plain-server.js';

type Ack = (answer: unknown) => void;

const users = (userIds: readonly string[]): unknown => ({
  ok: true,
  users: userIds.map((userId) => ({ userId, online: true, status: null })),
});
/** The notice of a server that has ended the watch. */
const ENDED = { users: [], ended: 'presence.watch-refused' };
const tooOften = { ok: false, code: 'presence.watch-too-often', retryAfterMs: 1 };

describe('the requests of a client that watches users', () => {
  const clients = new Clients();
  let server: PlainServer;
  let socket: ClientSocket;
  let requests: string[];
  let answer: (userIds: string[], ack: Ack, client: Socket) => void;

  beforeEach(async () => {
    requests = [];
    answer = (userIds, ack) => ack(users(userIds));
    server = await PlainServer.start();
    server.io.on('connection', (client) =>
      client.on('propagator:watch', (userIds: string[], ack: Ack) => {
        requests.push(userIds.join());
        answer(userIds, ack, client);
      }),
    );
    socket = clients.connect(server.url);
    await untilState(socket, 'connected');
  });
  afterEach(async () => {
    clients.close();
    await server.close();
  });

  const untilAsked = (count: number): Promise<void> =>
    until(
      () => requests.length >= count,
      () => `${count} requests, and not ${JSON.stringify(requests)}`,
    );
  const untilSilent = (): Promise<void> =>
    until(
      () => socket.listeners('propagator:presence').length === 0,
      () => `the end of the watch: ${JSON.stringify(requests)}`,
    );

  it('end with a pause between the requests while the server refuses the last one', async () => {
    const stop = watchPresence(socket, ['alice']).subscribe(() => undefined);
    await untilAsked(1);
    let refusals = 0;
    const requestsUntilFence: number[] = [];
    answer = (userIds, ack, client) => {
      if (++refusals > 3) return ack(users(userIds));
      ack(tooOften);
      client.emit('fence', () => requestsUntilFence.push(requests.length));
    };
    socket.on('fence', (ack: () => void) => ack());
    stop();
    await untilSilent();
    expect(requests).toEqual(['alice', '', '', '', '']);
    // Each refusal has reached the client before the next request.
    expect(requestsUntilFence).toEqual([2, 3, 4]);
  });

  it('end also if the last component is unmounted during a pause', async () => {
    const view = watchPresence(socket, ['alice']);
    const stop = view.subscribe(() => undefined);
    await until(
      () => view.get().size === 1,
      () => 'alice',
    );
    answer = (userIds, ack) => ack(userIds.length === 2 ? tooOften : users(userIds));
    const stopBoth = watchPresence(socket, ['alice', 'bob']).subscribe(() => undefined);
    await untilAsked(2);
    await new Promise<void>((resolve) => {
      server.io.emit('after the refusal');
      socket.once('after the refusal', () => resolve());
    });
    stop();
    stopBoth();
    await untilSilent();
    expect(requests).toEqual(['alice', 'alice,bob', '']);
  });

  it('begin again after the connection was lost before the answer', async () => {
    let held: Socket | undefined;
    answer = (_, __, client) => (held = client);
    const stop = watchPresence(socket, ['alice']).subscribe(() => undefined);
    await untilAsked(1);
    stop();
    await Promise.resolve();
    answer = (userIds, ack) => ack(users(userIds));
    held?.conn.close();
    await untilState(socket, 'waiting');
    await untilState(socket, 'connected');
    const view = watchPresence(socket, ['alice']);
    view.subscribe(() => undefined);
    await until(
      () => view.get().get('alice')?.online === true,
      () => `alice: ${JSON.stringify(requests)}`,
    );
    expect(requests).toEqual(['alice', 'alice']);
  });

  it('do not wait for the answer of a lost connection, as Socket.IO before 4.8 does until its time is over', async () => {
    const old = socket as unknown as { _clearAcks: () => void };
    old._clearAcks = () => undefined;
    const requestsUntilFence: number[] = [];
    server.io.on('connection', (client) =>
      client.on('fence', () => requestsUntilFence.push(requests.length)),
    );
    let held: Socket | undefined;
    answer = (_, __, client) => (held = client);
    const view = watchPresence(socket, ['alice']);
    view.subscribe(() => undefined);
    await untilAsked(1);
    answer = (userIds, ack) => ack(users(userIds));
    socket.once('connect', () => socket.emit('fence'));
    held?.conn.close();
    await until(
      () => view.get().size === 1,
      () => `alice: ${JSON.stringify(requests)}`,
    );
    await until(
      () => requestsUntilFence.length > 0,
      () => 'the fence',
    );
    expect(requests).toEqual(['alice', 'alice']);
    // The second request was sent as soon as the client was connected.
    expect(requestsUntilFence).toEqual([2]);
  });

  it('are sent again when the server ends the watch, and forget the users if it refuses', async () => {
    const view = watchPresence(socket, ['alice']);
    view.subscribe(() => undefined);
    const untilSeen = (size: number): Promise<void> =>
      until(
        () => view.get().size === size,
        () => `${size} users`,
      );
    await untilSeen(1);
    server.io.emit('propagator:presence', ENDED);
    await untilAsked(2);
    answer = (_, ack) => ack({ ok: false, code: 'presence.watch-refused' });
    server.io.emit('propagator:presence', ENDED);
    await untilSeen(0);
    expect(requests).toEqual(['alice', 'alice', 'alice']);
    // While a request is under way its answer counts.
    answer = (userIds, ack, client) => {
      client.emit('propagator:presence', ENDED);
      ack(users(userIds));
    };
    server.io.emit('propagator:presence', ENDED);
    await untilSeen(1);
    expect(requests).toHaveLength(4);
  });

  it('have no user with an empty id', async () => {
    const view = watchPresence(socket, ['', 'alice']);
    view.subscribe(() => undefined);
    await until(
      () => view.get().size === 1,
      () => 'alice',
    );
    watchPresence(socket, ['']).subscribe(() => undefined);
    watchPresence(socket, ['bob']).subscribe(() => undefined);
    await untilAsked(2);
    expect(requests).toEqual(['alice', 'alice,bob']);
  });
});
