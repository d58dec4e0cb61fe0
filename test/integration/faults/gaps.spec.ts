import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ClusterService, type EventGap, type RedisPropagatorOptions } from '../../../src/index.js';
import { InMemoryBus } from '../../../src/testing/index.js';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { CatchUp } from '../../../src/repair/catch-up.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const isUser = (channel: string): boolean => channel.includes(':user:');
const isRoom = (channel: string): boolean => channel.includes(':room:');
const isAll = (channel: string): boolean => channel.endsWith(':all');
const ALICE = { namespace: '/', target: 'user', id: 'alice' } as const;
const ALL = { namespace: '/', target: 'all', id: undefined } as const;
/** Resolves once the undelivered messages are gone. */
const passed = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** An event seems newer than it is by the time that its page was under way: less than this. The clients end a connection after 45 s. */
const AHEAD_MS = 20_000;
/** Nothing ends when clocks are set ahead. */
const PATIENT = { memberTimeoutMs: 600_000, repair: { maxAgeMs: 600_000 } };

/** Returns a function that sets the clocks of this process ahead; timers do not notice. */
function clocks(): (ms: number) => void {
  let aheadMs = 0;
  for (const clock of [performance, Date]) {
    const now = clock.now.bind(clock);
    jest.spyOn(clock, 'now').mockImplementation(() => now() + aheadMs);
  }
  return (ms) => {
    aheadMs += ms;
  };
}

describe('events that an instance could not receive', () => {
  let cluster: TestCluster;
  let transports: BreakablePubSub[];
  let client: TestClient;
  /** The gaps reported by the instance of the client. */
  let gaps: EventGap[];

  beforeEach(() => {
    transports = [];
    gaps = [];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const transport of transports) transport.heal();
    await cluster.close();
  });

  const connected = () => transports.filter(({ state }) => state === 'ready').length;

  /** Alice is connected to the first one. */
  async function start(
    size = 2,
    optionsOf: (instance: number) => RedisPropagatorOptions = () => ({}),
    inParts = false,
  ): Promise<void> {
    const bus = new InMemoryBus();
    cluster = await givenCluster()
      .of(size)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured((index) => {
        const pubSub = new BreakablePubSub(bus);
        if (inParts) pubSub.inParts(isUser);
        transports[index] = pubSub;
        return { requestTimeoutMs: 300, ...optionsOf(index), pubSub };
      })
      .start();
    service(0).gaps$.subscribe((gap) => gaps.push(gap));
    await until(
      () =>
        transports.every(
          ({ state }, index) =>
            state !== 'ready' || service(index).members().length === connected(),
        ),
      () => 'the instances to know one another',
    );
    client = await cluster.instance(0).connect({ token: 'alice' });
  }

  const service = (index: number): ClusterService =>
    cluster.instance(index).app.get(ClusterService);
  const repair = () => cluster.instance(0).app.get(DiagnosticsService).diagnostics().repair;
  /** Resolves once an instance has heard all that was sent up to now, but for silent parts. */
  const itself = async (index = 0): Promise<void> => {
    const { heardItselfAt } = cluster.instance(index).app.get<Runtime>(RUNTIME);
    const now = performance.now();
    await until(
      () => heardItselfAt() > now,
      () => 'a message of the instance to itself',
    );
  };
  const transport = (index: number): BreakablePubSub => {
    const found = transports[index];
    if (found === undefined) throw new Error(`no transport ${index}`);
    return found;
  };
  const tell = async (index: number, data: unknown) => {
    const { propagator } = cluster.instance(index);
    const receipt = await propagator.emitToUser({ userId: 'alice', event: 'n', data });
    await passed();
    return receipt;
  };
  const has = (...data: unknown[]) =>
    until(
      () => client.data('n').length >= data.length,
      () => `${JSON.stringify(data)}, there is ${JSON.stringify(client.data('n'))}`,
    ).then(() => expect(client.data('n')).toEqual(data));

  it('arrive once it is subscribed again, before later events, each once', async () => {
    await start(3);
    await tell(1, 'before');
    await has('before');
    transport(0).deafen();
    await tell(1, 'missed 1');
    await tell(1, 'missed 2');
    // It is subscribed, and has not asked yet.
    transport(0).hearBut(() => false);
    await tell(1, 'since');
    transport(0).heal();
    await tell(1, 'after');
    await has('before', 'missed 1', 'missed 2', 'since', 'after');
    await cluster.settled(client);
    expect(client.data('n')).toHaveLength(5);
    expect(gaps).toEqual([]);
  });

  it('arrive after a second outage during the repair as well', async () => {
    await start();
    transport(0).deafen();
    await tell(1, 1);
    transport(0).heal();
    transport(0).deafen();
    await tell(1, 2);
    transport(0).heal();
    transport(0).deafen();
    transport(0).heal();
    await tell(1, 3);
    await has(1, 2, 3);
    await cluster.settled(client);
    expect(client.data('n')).toEqual([1, 2, 3]);
    expect(gaps).toEqual([]);
  });

  it('arrive if only some channels were lost, and recovered later than the others', async () => {
    await start();
    transport(0).deafen((channel) => isUser(channel) || isAll(channel));
    await tell(1, 1);
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 1 });
    // One part of a Cluster is back, another one is not, for longer than the repair waits.
    transport(0).hearBut(isUser);
    await client.waitFor('a');
    await has(1);
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 2 });
    await client.waitFor('a', 2);
    await tell(1, 2);
    transport(0).heal();
    await has(1, 2);
    expect(client.data('a')).toEqual([1, 2]);
    expect(gaps).toEqual([]);
  });

  it('are asked for at once when many channels recover late, and not once for each of them', async () => {
    await start();
    const rooms = Array.from({ length: 50 }, (_, i) => `room-${i}`);
    await client.ask('join', rooms);
    transport(0).deafen((channel) => isRoom(channel) || isAll(channel));
    const tellRooms = async (what: string) => {
      for (const room of rooms) {
        await cluster.instance(1).propagator.emitToRoom({ room, event: 'n', data: [room, what] });
        await passed();
      }
    };
    await tellRooms('missed');
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 1 });
    transport(0).hearBut(isRoom);
    // The other channels are repaired without the rooms.
    await client.waitFor('a');
    const interrupted = jest.spyOn(CatchUp.prototype, 'interrupted');
    transport(0).hearBut(() => false);
    await tellRooms('since');
    transport(0).heal();
    const all = ['missed', 'since'].flatMap((what) => rooms.map((room) => [room, what]));
    await until(
      () => client.data('n').length >= all.length,
      () => `the events of all rooms, there are ${client.data('n').length}`,
    );
    await cluster.settled(client);
    expect(client.data('n')).toEqual(all);
    expect(gaps).toEqual([]);
    expect(interrupted.mock.calls.length).toBeLessThan(5);
  });

  it('arrive in order if a channel recovers while others are still being repaired', async () => {
    await start(3);
    transport(2).stick((channel) => channel.includes(':reply:'));
    transport(0).deafen();
    transport(0).hearBut(isUser);
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 'answered' });
    // Not before the first instance has replied.
    await client.waitFor('a');
    await tell(1, 'missed');
    transport(0).hearBut(() => false);
    await tell(1, 'since');
    transport(2).stick(() => false);
    transport(0).heal();
    await has('missed', 'since');
    expect(gaps).toEqual([]);
  });

  it('arrive from very many instances, which are not all asked at once', async () => {
    await start(7);
    const others = [1, 2, 3, 4, 5, 6];
    for (const index of others) await tell(index, [index, 'before']);
    transport(0).deafen();
    for (const index of others) {
      await tell(index, [index, 'missed 1']);
      await tell(index, [index, 'missed 2']);
    }
    transport(0).hearBut(() => false);
    for (const index of others) await tell(index, [index, 'since']);
    transport(0).heal();
    for (const index of others) await tell(index, [index, 'after']);
    const got = () => client.data('n') as [number, string][];
    await until(
      () => got().length >= 5 * others.length,
      () => `everything, there is ${JSON.stringify(got())}`,
    );
    await cluster.settled(client);
    for (const index of others) {
      const from = got().filter(([sender]) => sender === index);
      expect(from.map(([, what]) => what)).toEqual([
        'before',
        'missed 1',
        'missed 2',
        'since',
        'after',
      ]);
    }
    expect(gaps).toEqual([]);
  });

  it('are found among very many channels', async () => {
    await start();
    const { router } = cluster.instance(0).app.get<Runtime>(RUNTIME);
    for (let i = 0; i < 20_000; i++) {
      router.hold({ kind: 'room', namespace: '/', id: `room-${i}` });
    }
    await client.ask('join', ['a', 'room-3', 'room-19999']);
    transport(0).deafen();
    for (const room of ['a', 'room-3', 'room-19999']) {
      await cluster.instance(1).propagator.emitToRoom({ room, event: 'n', data: room });
    }
    await cluster.instance(1).propagator.emitToRoom({ room: 'other', event: 'n', data: 'other' });
    await passed();
    transport(0).heal();
    await has('a', 'room-3', 'room-19999');
    expect(gaps).toEqual([]);
  });

  it('are not delivered to a guest who was let into the room meanwhile', async () => {
    await start(2, () => PATIENT);
    const setAhead = clocks();
    const [member, guest] = [
      await cluster.instance(0).connect({ token: 'member' }),
      await cluster.instance(0).connect({ token: 'guest' }),
    ];
    await member.ask('join', 'board');
    const say = (data: unknown) =>
      cluster.instance(1).propagator.emitToRoom({ room: 'board', event: 'n', data });
    await say('heard');
    await member.waitFor('n');
    transport(0).deafen();
    await say('confidential');
    await passed();
    setAhead(AHEAD_MS);
    await guest.ask('join', 'board');
    setAhead(AHEAD_MS);
    await say('welcome');
    await passed();
    transport(0).heal();
    await say('after');
    await member.waitFor('n', 4);
    await guest.waitFor('n', 2);
    await cluster.settled(member, guest);
    expect(member.data('n')).toEqual(['heard', 'confidential', 'welcome', 'after']);
    expect(guest.data('n')).toEqual(['welcome', 'after']);
    expect(gaps).toEqual([]);
  });

  it('are not delivered to a socket that connected later: it may have got them on another instance', async () => {
    await start(2, () => PATIENT);
    const setAhead = clocks();
    const moving = await cluster.instance(1).connect({ token: 'alice' });
    transport(0).deafen();
    await tell(1, 1);
    await moving.waitFor('n');
    setAhead(AHEAD_MS);
    const moved = await cluster.instance(0).connect({ token: 'alice' });
    setAhead(AHEAD_MS);
    await tell(1, 2);
    transport(0).heal();
    await has(1, 2);
    await moved.waitFor('n');
    await cluster.settled(client, moved);
    expect(moved.data('n')).toEqual([2]);
  });

  it('arrive if the other instance receives the request before it can publish the reply', async () => {
    await start(2, () => ({ requestTimeoutMs: 60_000 }));
    transport(0).deafen();
    await tell(1, 1);
    transport(1).refuse();
    transport(0).heal();
    await passed();
    transport(1).heal();
    await tell(1, 2);
    await has(1, 2);
    expect(cluster.instance(1).counts).toEqual({});
  });

  it('arrive if a reply was lost, however long requests may take', async () => {
    await start(2, () => ({ requestTimeoutMs: 60_000 }));
    transport(0).deafen();
    await tell(1, 1);
    transport(1).stick((channel) => channel.includes(':reply:'));
    transport(0).heal();
    await passed();
    transport(1).stick(() => false);
    await has(1);
    expect(gaps).toEqual([]);
  });

  it('delay nothing if Redis comes after the app has started', async () => {
    await start(2, (index) => {
      if (index === 0) transport(0).refuse();
      return {};
    });
    // They would be delivered after a pause of 5 s in any case: it never ends.
    const { setTimeout: later } = globalThis;
    jest
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation((act: () => void, ms?: number, ...args: []) =>
        later(act, ms === 5_000 ? 60_000 : ms, ...args),
      );
    transport(0).deafen();
    await tell(1, 1);
    transport(0).heal();
    await tell(1, 2);
    await has(1, 2);
    expect(gaps).toEqual([]);
  });

  it('are reported as a gap if the instance that sent them has left', async () => {
    await start(3);
    await tell(1, 1);
    await has(1);
    const { instanceId } = service(1).self;
    transport(0).deafen();
    await tell(1, 2);
    await tell(2, 'other');
    await cluster.instance(1).app.close();
    transport(0).heal();
    await has(1, 'other');
    await until(
      () => gaps.length > 0,
      () => 'a gap',
    );
    expect(gaps).toEqual([{ instanceId, from: 2, to: null, reason: 'no-answer' }]);
    expect(cluster.instance(0).counts).toMatchObject({ 'event.gap': 1 });
    expect(cluster.logger.matching(/event\.gap: .*from number 2 to an unknown one/)).toHaveLength(
      1,
    );
  });

  it.each([
    ['', (pubSub: BreakablePubSub) => pubSub.heal()],
    [', and a channel is still refused', (pubSub: BreakablePubSub) => pubSub.hearBut(isAll)],
  ])(
    'arrive in order if their sender comes back after the gap was reported%s',
    async (_, hearAgain) => {
      await start(2, () => ({ heartbeatIntervalMs: 200, memberTimeoutMs: 3_000 }));
      await tell(1, 1);
      await has(1);
      const { instanceId } = service(1).self;
      transport(0).deafen();
      await tell(1, 2);
      await tell(1, 3);
      transport(1).deafen();
      transport(1).refuse();
      const waiting = [tell(1, 4), tell(1, 5)];
      await until(
        () => service(0).members().length === 1,
        () => 'the other instance to be lost',
      );
      hearAgain(transport(0));
      await until(
        () => gaps.length > 0,
        () => 'a gap',
      );
      expect(gaps).toEqual([{ instanceId, from: 2, to: null, reason: 'no-answer' }]);
      // Waiting events are published before anything shows that the instance is back.
      transport(1).heal();
      await Promise.all(waiting);
      await has(1, 2, 3, 4, 5);
      await tell(1, 6);
      await has(1, 2, 3, 4, 5, 6);
      expect(gaps).toHaveLength(1);
    },
  );

  it('arrive if their sender comes back after other channels were lost for a moment', async () => {
    await start(2, () => ({ heartbeatIntervalMs: 200, memberTimeoutMs: 3_000 }));
    const repaired = async (): Promise<void> => {
      const before = repair().repairs;
      transport(0).heal();
      await until(
        () => repair().repairs > before && !repair().underway,
        () => 'the end of the repair',
      );
    };
    transport(0).deafen();
    await tell(1, 1);
    transport(1).deafen();
    transport(1).refuse();
    const waiting = tell(1, 2);
    await until(
      () => service(0).members().length === 1,
      () => 'the other instance to be lost',
    );
    await repaired();
    expect(gaps).toHaveLength(1);
    transport(0).deafen(isAll);
    await repaired();
    transport(1).heal();
    await waiting;
    await tell(1, 3);
    await has(1, 2, 3);
  });

  it('do not include a channel that stays refused', async () => {
    await start(2, () => ({ repair: { maxBytes: 1_024 } }));
    const { propagator } = cluster.instance(1);
    const { instanceId } = service(1).self;
    await tell(1, 1);
    await has(1);
    transport(0).deafen();
    transport(0).hearBut(isAll);
    await tell(1, 2);
    // It is held back until the other instance has replied.
    await has(1, 2);
    await propagator.emitToAll({ event: 'a', data: 'refused' });
    for (let n = 3; n <= 40; n++) await tell(1, n);
    await has(...Array.from({ length: 40 }, (_, i) => i + 1));
    // Both instances have beaten since, and what was heard is proven.
    for (const index of [1, 0]) await itself(index);
    // The connection is lost once more.
    transport(0).deafen();
    await tell(1, 41);
    transport(0).hearBut(isAll);
    await has(...Array.from({ length: 41 }, (_, i) => i + 1));
    expect(gaps).toEqual([]);
    transport(0).heal();
    await until(
      () => gaps.length > 0,
      () => 'a gap',
    );
    const to = expect.any(Number);
    expect(gaps).toEqual([{ instanceId, from: 2, to, reason: 'forgotten', targets: [ALL] }]);
    await propagator.emitToAll({ event: 'a', data: 'heard' });
    await client.waitFor('a');
    await tell(1, 42);
    await has(...Array.from({ length: 42 }, (_, i) => i + 1));
    expect(client.data('a')).toEqual(['heard']);
  });

  it('are reported as a gap if the instance that sent them left before the loss was noticed', async () => {
    await start(3, () => ({}), true);
    await tell(1, 1);
    await has(1);
    const { instanceId } = service(1).self;
    // A part of a Cluster is silent.
    transport(0).hearBut(isUser);
    await tell(1, 2);
    await cluster.instance(1).app.close();
    await until(
      () => service(0).members().length === 2,
      () => 'the other instance to leave',
    );
    transport(0).deafen(isUser);
    transport(0).heal();
    await tell(2, 'other');
    await has(1, 'other');
    const targets = [ALICE];
    expect(gaps).toEqual([{ instanceId, from: 2, to: null, reason: 'no-answer', targets }]);
  });

  it('are no gap if an instance had left before', async () => {
    await start(3, () => ({ heartbeatIntervalMs: 100, memberTimeoutMs: 60_000 }));
    await tell(1, 1);
    await has(1);
    await cluster.instance(1).app.close();
    await until(
      () => service(0).members().length === 2,
      () => 'the other instance to leave',
    );
    await itself();
    transport(0).deafen();
    transport(0).heal();
    await tell(2, 'other');
    await has(1, 'other');
    expect(gaps).toEqual([]);
  });

  it('arrive if a part of a Cluster was silent for seconds before it was noticed', async () => {
    await start(2, () => ({ heartbeatIntervalMs: 100, memberTimeoutMs: 60_000 }), true);
    transport(0).hearBut(isUser);
    await tell(1, 1);
    clocks()(AHEAD_MS);
    await itself();
    transport(0).deafen(isUser);
    transport(0).heal();
    await tell(1, 2);
    await has(1, 2);
    expect(gaps).toEqual([]);
  });

  it('are reported as a gap if they exceeded the history, and the rest arrives', async () => {
    await start(2, () => ({ repair: { maxBytes: 1_024 } }));
    const { instanceId } = service(1).self;
    transport(0).deafen();
    for (let n = 1; n <= 40; n++) await tell(1, n);
    transport(0).heal();
    await until(
      () => client.data('n').at(-1) === 40,
      () => 'the last event',
    );
    const [first] = client.data('n') as [number];
    expect(first).toBeGreaterThan(2);
    expect(client.data('n')).toEqual(Array.from({ length: 41 - first }, (_, i) => first + i));
    expect(gaps).toEqual([{ instanceId, from: 1, to: first - 1, reason: 'forgotten' }]);
  });

  it('are reported as a gap at once if the other instance keeps no history', async () => {
    await start(2, (index) => (index === 1 ? { repair: false } : {}));
    const { instanceId } = service(1).self;
    await tell(1, 1);
    await has(1);
    transport(0).deafen();
    await tell(1, 2);
    await tell(1, 3);
    transport(0).heal();
    await until(
      () => gaps.length > 0,
      () => 'a gap',
    );
    await tell(1, 4);
    await has(1, 4);
    expect(gaps).toEqual([{ instanceId, from: 2, to: 3, reason: 'forgotten' }]);
  });

  it('are lost without a report if repair is switched off here', async () => {
    await start(2, (index) => (index === 0 ? { repair: false } : {}));
    transport(0).deafen();
    await tell(1, 1);
    transport(0).heal();
    await tell(1, 2);
    await has(2);
    expect(gaps).toEqual([]);
  });

  it.each([
    ['', {}],
    [', also if repair is switched off', { repair: false } as const],
  ])('arrive once although they are published twice%s', async (_, options) => {
    await start(2, () => options);
    transport(1).fallSilent((channel) => channel.includes(':user:'));
    const told = tell(1, 1);
    await has(1);
    transport(1).failUnanswered();
    expect(await told).toMatchObject({ remoteInstances: 1 });
    await cluster.settled(client);
    expect(client.data('n')).toEqual([1]);
    expect(cluster.instance(0).counts).toEqual({ 'event.repeated': 1 });
  });

  it('are reported as one gap if they come twice and the record no longer reaches back', async () => {
    await start();
    const { instanceId } = service(1).self;
    transport(1).fallSilent((channel) => channel.includes(':user:'));
    const told = [tell(1, 1), tell(1, 2)];
    await has(1, 2);
    transport(1).fallSilent(() => false);
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 3 });
    await client.waitFor('a');
    // Very many events come from elsewhere.
    const { log } = cluster.instance(0).app.get<Runtime>(RUNTIME).router.receiver;
    for (let n = 1; n <= 300_000; n++) log.add('f'.repeat(16), n, 0);
    transport(1).failUnanswered();
    await Promise.all(told);
    await tell(1, 4);
    await has(1, 2, 4);
    expect(gaps).toEqual([{ instanceId, from: 1, to: 2, reason: 'forgotten', targets: [ALICE] }]);
  });

  it('are reported as a gap if they waited elsewhere and the record no longer reaches back', async () => {
    await start();
    const { instanceId } = service(1).self;
    transport(1).stick(isUser);
    const told = [tell(1, 1), tell(1, 2)];
    await cluster.instance(1).propagator.emitToAll({ event: 'a', data: 3 });
    await client.waitFor('a');
    transport(0).deafen();
    transport(1).failUnanswered();
    await Promise.all(told);
    // Very many events have come from elsewhere.
    const { log } = cluster.instance(0).app.get<Runtime>(RUNTIME).router.receiver;
    for (let n = 1; n <= 300_000; n++) log.add('f'.repeat(16), n, 0);
    transport(0).heal();
    await until(
      () => gaps.length > 0,
      () => 'a gap',
    );
    await tell(1, 4);
    await has(4);
    const targets = [ALICE, ALL];
    expect(gaps).toEqual([{ instanceId, from: 1, to: 3, reason: 'forgotten', targets }]);
  });

  it('arrive once although the first attempt arrives last', async () => {
    await start();
    transport(1).stick((channel) => channel.includes(':user:'));
    const told = [tell(1, 1), tell(1, 2)];
    transport(1).failUnanswered();
    await Promise.all(told);
    await tell(1, 3);
    await has(1, 2, 3);
    transport(1).unstick();
    await tell(1, 4);
    await has(1, 2, 3, 4);
    expect(cluster.instance(0).counts).toEqual({ 'event.repeated': 2 });
  });

  it('leave nothing waiting if the instance is closed meanwhile', async () => {
    await start();
    transport(0).deafen();
    transport(0).hearBut(() => false);
    await tell(1, 1);
    await cluster.instance(0).app.close();
    expect(gaps).toEqual([]);
    expect(client.data('n')).toEqual([]);
  });
});
