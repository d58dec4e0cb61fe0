import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as after } from 'node:timers/promises';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { serverOf } from '../../support/plain-gateway.js';
import { NUMBERED, type ReturningClient } from '../../support/returning-client.js';
import { until } from '../../support/until.js';
import { MovingUsers } from '../../recovery/support/moving-user.js';

describe('a client that comes back to another instance', () => {
  let stage: MovingUsers;
  afterEach(() => {
    jest.restoreAllMocks();
    return stage.close();
  });

  /** Cuts a client off, and lets it come back at once: its instance may not have noticed yet. */
  const moveAtOnce = async (client: ReturningClient, instance: number): Promise<void> => {
    const { length } = client.connections;
    stage.balancer.sendTo(client.user, instance);
    // Between two polls there is no connection to cut.
    if (client.socket.io.engine.transport.name === 'polling') {
      client.socket.io.engine.close();
    } else {
      stage.balancer.cut(({ name }) => name === client.user);
    }
    await client.connected(length + 1);
  };

  const sent = new Map<string, number[]>();
  const numbered = (stream: string): [string, number] => {
    const numbers = sent.get(stream) ?? [];
    sent.set(stream, numbers);
    numbers.push(numbers.length);
    return [stream, numbers.length - 1];
  };

  /** Sends to each target from each instance until it is stopped. */
  const sendAlways = (user: string): (() => Promise<void>) => {
    sent.clear();
    const over = new AbortController();
    const send = async (index: number): Promise<void> => {
      const { propagator } = stage.cluster.instance(index);
      while (!over.signal.aborted) {
        await propagator.emitToUser({
          userId: user,
          event: NUMBERED,
          data: numbered(`user ${index}`),
        });
        await propagator.emitToRoom({
          room: 'lobby',
          event: NUMBERED,
          data: numbered(`room ${index}`),
        });
        await propagator.emitToAll({
          event: NUMBERED,
          data: [...numbered(`all ${index}`), Buffer.from('binary')],
        });
        await propagator.emitToAuthenticated({
          event: NUMBERED,
          data: numbered(`authenticated ${index}`),
        });
        await propagator.emitToUser({ userId: 'other', event: NUMBERED, data: ['foreign', 1] });
        serverOf(stage.cluster, index).to('another room').emit(NUMBERED, ['foreign', 2]);
        // Leaves time to the clients, and to the hand-over, which has to end in time.
        await after(5);
      }
    };
    const sending = Promise.all(stage.cluster.instances.map((_, index) => send(index)));
    return async () => {
      over.abort();
      await sending;
    };
  };

  const judged = async (client: ReturningClient) => {
    const total = [...sent.values()].reduce((sum, { length }) => sum + length, 0);
    await until(
      () => client.record.count >= total,
      () => `${total} events, got ${client.record.count}`,
    ).catch(() => undefined);
    // An event more would be a duplicate.
    await stage.cluster.instance(0).propagator.emitToAll({ event: NUMBERED, data: ['end', 0] });
    await until(
      () => client.received.some(([stream]) => stream === 'end'),
      () => 'the last event',
    );
    return client.record.judge(new Map([...sent, ['end', [0]]]));
  };

  /** Moves a client from instance to instance, with events between. */
  const moveAmidEvents = async (
    client: ReturningClient,
    instances: readonly number[],
  ): Promise<void> => {
    for (const instance of instances) {
      await moreEvents(client);
      await moveAtOnce(client, instance);
    }
  };

  it.each(['websocket', 'polling'] as const)(
    'gets each event once and in order over %s, while all instances send',
    async (transport) => {
      stage = await MovingUsers.start({ size: 3 });
      const client = await stage.connect('alice', 0, { transport });
      await client.join('lobby');
      const stop = sendAlways('alice');
      await moveAmidEvents(client, [1, 0, 2, 0, 1, 2, 0, 0, 1]);
      await stop();

      const { delivered, expected, recovered, ...judgement } = await judged(client);
      expect(judgement).toMatchObject({
        twice: 0,
        outOfOrder: 0,
        foreign: 0,
        missed: 0,
        reconnects: 9,
      });
      // On a busy machine a hand-over may take too long: it ends with a new connection, which is counted.
      const failures = stage.cluster.instances
        .flatMap(({ counts }) => Object.entries(counts))
        .filter(([name]) => name.startsWith('recovery.'));
      expect(recovered + failures.reduce((sum, [, count]) => sum + count, 0)).toBe(9);
      expect(failures.length > 0 || delivered === expected).toBe(true);
      const moves = [0, 1, 2].map((index) => stage.recovery(index).sessions.counts.moved);
      expect(Math.max(...moves)).toBeGreaterThan(0);
    },
  );

  it('comes back from a half-open connection, of which its instance has noticed nothing', async () => {
    stage = await MovingUsers.start({ size: 3 });
    const client = await stage.connect('alice', 0);
    await client.join('lobby');
    const { id } = client.socket;
    const stop = sendAlways('alice');
    await moreEvents(client);
    await stage.moveHalfOpen(client, 1);
    expect(client.socket.id).toBe(id);
    await until(
      () => serverOf(stage.cluster, 0).sockets.sockets.size === 0,
      () => 'the old socket to be gone',
    );
    await stop();

    const judgement = await judged(client);
    expect(judgement).toMatchObject({
      delivered: judgement.expected,
      twice: 0,
      outOfOrder: 0,
      missed: 0,
      recovered: 1,
    });
  });

  it('has its rooms, data and id, and no event of a room before it joined', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice', 0);
    const lines = (): unknown[] =>
      client.received.flatMap(([stream, number]) => (number === -1 ? [stream] : []));
    const say = (index: number, room: string, text: string): void => {
      serverOf(stage.cluster, index).to(room).emit(NUMBERED, [text, -1]);
    };
    await client.join('one');
    const { id = '' } = client.socket;
    const socket = serverOf(stage.cluster, 0).sockets.sockets.get(id);
    Object.assign(socket?.data as object, { mine: Buffer.from('mine') });

    say(0, 'two', 'too early');
    await socket?.join('two');
    say(0, 'two', 'joined');
    await socket?.leave('one');
    say(0, 'one', 'left');
    await stage.move(client, 1, () => {
      say(0, 'two', 'away');
      say(1, id, 'to the socket');
      serverOf(stage.cluster, 1).volatile.to('two').emit(NUMBERED, ['volatile', -1]);
    });

    expect(client.connections).toEqual([false, true]);
    expect(client.socket.id).toBe(id);
    const back = serverOf(stage.cluster, 1).sockets.sockets.get(id);
    expect([...(back?.rooms ?? [])].sort()).toEqual([id, 'two'].sort());
    expect(back?.data).toMatchObject({ userId: 'alice', mine: Buffer.from('mine') });
    back?.emit(NUMBERED, ['directly', -1]);
    await until(
      () => lines().includes('directly'),
      () => 'the last event',
    );
    expect(lines()).toEqual(['joined', 'away', 'to the socket', 'directly']);
  });

  it('is recovered before it has received any event', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice', 0);
    await stage.move(client, 1, () =>
      stage.cluster.instance(1).propagator.emitToUser({
        userId: 'alice',
        event: NUMBERED,
        data: ['first', 0],
      }),
    );
    await until(
      () => client.record.count === 1,
      () => 'the event',
    );
    expect(client.connections).toEqual([false, true]);
  });

  it('gets nothing of another user, and a new connection with its reason', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice', 0);
    const { id } = client.socket;
    await stage.move(client, 1, async () => {
      await stage.cluster.instance(1).propagator.emitToUser({
        userId: 'alice',
        event: NUMBERED,
        data: ['for alice', 0],
      });
      client.socket.auth = { token: 'bob' };
    });

    expect(client.connections).toEqual([false, false]);
    expect(client.socket.id).not.toBe(id);
    await stage.cluster.instance(0).propagator.emitToUser({
      userId: 'bob',
      event: NUMBERED,
      data: ['for bob', 0],
    });
    await until(
      () => client.record.count === 1,
      () => 'the event',
    );
    expect(client.received).toEqual([['for bob', 0]]);
    expect(stage.cluster.instance(1).counts).toEqual({ 'recovery.other-user': 1 });
    expect(
      stage.cluster.logger.matching(/^log recovery\.other-user: .* it is another user now/),
    ).toHaveLength(1);
  });

  it('gets a new connection if no instance has its session', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice', 0);
    const { sessions } = stage.recovery(0);
    for (const session of sessions.all()) sessions.end(session);
    await moveAtOnce(client, 1);
    expect(client.connections).toEqual([false, false]);
    expect(stage.cluster.instance(1).counts).toEqual({ 'recovery.unknown-session': 1 });
  });

  it('makes no instance look for a text that is no private id, and few questions of many that are', async () => {
    stage = await MovingUsers.start({ size: 3 });
    const { requests } = stage.cluster.instance(0).app.get<Runtime>(RUNTIME);
    const asked = jest.spyOn(requests, 'request');
    const claims = ['x'.repeat(900_000), `${'0'.repeat(16)}.${'!'.repeat(20)}`, ''];
    for (const pid of claims)
      await stage.connect('mallory', 0, { socket: { auth: claim(pid, '') } });
    await stage.connect('mallory', 0, { socket: { auth: claim(pidOf(0), 'o'.repeat(900_000)) } });
    expect(asked).not.toHaveBeenCalled();

    // Questions are collected for 50 ms: connections may arrive within two seconds.
    const { setTimeout: later } = globalThis;
    jest
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation((act: () => void, ms?: number, ...args: []) =>
        later(act, ms === 50 ? 2_000 : ms, ...args),
      );
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        stage.connect('mallory', 0, { socket: { auth: claim(pidOf(i), '') } }),
      ),
    );
    // Each question goes to all instances.
    expect(asked.mock.calls.length).toBeLessThan(50);
    expect(stage.cluster.instance(0).counts).toEqual({
      'recovery.unknown-session': 103,
      'recovery.not-proven': 1,
    });
  });

  it('is recovered, and counts as no mistake of the client, if its session is found late', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice', 0);
    const { requests } = stage.cluster.instance(1).app.get<Runtime>(RUNTIME);
    const request = requests.request.bind(requests);
    jest.spyOn(requests, 'request').mockImplementation(async (question) => {
      // Longer than an app may take to decide whether a namespace exists.
      await after(1_200);
      return request(question);
    });
    await moveAtOnce(client, 1);
    expect(client.connections).toEqual([false, true]);
    expect(stage.cluster.instance(1).counts).toEqual({});
  });

  it('keeps its session over the drain of its instance', async () => {
    stage = await MovingUsers.start({ size: 3 });
    const client = await stage.connect('alice', 0);
    await client.join('lobby');
    const stop = sendAlways('alice');
    await moreEvents(client);
    const accept = stage.balancer.refuse();
    stage.balancer.sendTo('alice', 1);
    await stop();
    await stage.cluster.instance(0).close();
    for (const index of [1, 2]) {
      await stage.cluster.instance(index).propagator.emitToRoom({
        room: 'lobby',
        event: NUMBERED,
        data: numbered(`room ${index}`),
      });
    }
    accept();
    await client.connected(2);

    const total = [...sent.values()].reduce((sum, { length }) => sum + length, 0);
    await until(
      () => client.record.count >= total,
      () => `${total} events, got ${client.record.count}`,
    );
    expect(client.record.judge(sent)).toMatchObject({
      delivered: total,
      twice: 0,
      outOfOrder: 0,
      missed: 0,
      recovered: 1,
    });
  });

  it('moves without Redis, too', async () => {
    stage = await MovingUsers.start({ inMemory: true });
    const client = await stage.connect('alice', 0);
    await client.join('lobby');
    const stop = sendAlways('alice');
    await moveAmidEvents(client, [1, 0, 1]);
    await stop();
    const judgement = await judged(client);
    expect(judgement).toMatchObject({ delivered: judgement.expected, twice: 0, recovered: 3 });
  });
});

/** Waits until a client has received some more events. */
async function moreEvents({ record }: ReturningClient): Promise<void> {
  const { count } = record;
  await until(
    () => record.count > count + 20,
    () => 'events',
  );
}

/** What a client writes that says that it had a session. */
function claim(pid: string, offset: string): { token: string; pid: string; offset: string } {
  return { token: 'mallory', pid, offset };
}

/** A private id of an instance that has ended. */
function pidOf(number: number): string {
  return `${'0'.repeat(16)}.${String(number).padStart(20, 'a')}`;
}
