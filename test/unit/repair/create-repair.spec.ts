import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Channels } from '../../../src/channels/channels.js';
import { ClusterBus } from '../../../src/cluster/cluster-bus.js';
import { ClusterRequests } from '../../../src/cluster/cluster-requests.js';
import { ClusterService } from '../../../src/cluster/cluster.service.js';
import type { EventGap } from '../../../src/cluster/event-gap.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { Membership } from '../../../src/cluster/membership.js';
import { createRecords } from '../../../src/cluster/records/create-records.js';
import { createRepair } from '../../../src/repair/create-repair.js';
import { RECORD } from '../../../src/repair/later-events.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { EventRouter } from '../../../src/routing/event-router.js';
import { Telemetry } from '../../../src/routing/telemetry.js';
import type { Target } from '../../../src/wire/channel-names.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { FakeNamespace } from '../../support/fake-namespace.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { PATIENCE_MS, until } from '../../support/until.js';

const ALICE: Target = { kind: 'user', namespace: '/', id: 'alice' };

interface Given {
  readonly repair?: false;
  readonly hasRecords?: boolean;
  readonly memberTimeoutMs?: number;
}

/** The parts of an instance that a repair needs, without servers. */
function instance(bus: InMemoryBus, { hasRecords = true, ...more }: Given = {}) {
  const pubSub = new BreakablePubSub(bus);
  const logger = new MemoryLogger();
  const options = resolveOptions({ pubSub, requestTimeoutMs: PATIENCE_MS, ...more }, logger);
  const reporter = new Reporter(logger);
  const channels = new Channels(pubSub, reporter);
  const router = new EventRouter(pubSub, channels, options, reporter, new Telemetry());
  const clusterBus = new ClusterBus(router.instanceId, pubSub, channels, options, reporter);
  const records = createRecords(
    router.instanceId,
    { ...options, keptMs: 60_000 },
    { pubSub, clients: undefined },
  );
  const { publisher } = router;
  const describeSelf = () => ({
    sockets: 0,
    users: 0,
    sequence: publisher.sequence,
    lanes: publisher.heads(),
  });
  const known = {
    bus: clusterBus,
    pubSub,
    records: hasRecords ? records : undefined,
    describe: describeSelf,
    reporter,
  };
  const membership = new Membership(known, options);
  const cluster = new ClusterService(options, membership, reporter);
  const requests = new ClusterRequests(clusterBus, cluster, reporter);
  const deps = {
    pubSub,
    bus: clusterBus,
    requests,
    cluster,
    router,
    reporter,
    histories: undefined,
  };
  const repair = createRepair(options, { ...deps, membership, sharedChannels: channels });
  const namespace = new FakeNamespace('/');
  router.namespaces.add(namespace);
  const gaps: EventGap[] = [];
  cluster.gaps$.subscribe((gap) => gaps.push(gap));
  return {
    ...deps,
    membership,
    repair,
    namespace,
    gaps,
    start: async () => {
      repair.start();
      await cluster.start();
      await router.hold(ALICE).ready;
    },
    stop: async () => {
      await cluster.stop();
      repair.close();
      requests.close();
      router.close();
      channels.close();
    },
  };
}

const isUser = (channel: string): boolean => channel.includes(':user:');

/** Resolves once the messages that cannot be received are gone. */
const passed = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('the repair of an instance', () => {
  let instances: ReturnType<typeof instance>[];

  beforeEach(() => {
    instances = [];
  });
  afterEach(async () => {
    jest.useRealTimers();
    await Promise.all(instances.map(({ stop }) => stop()));
  });

  async function given(sender: Given = {}, receiver: Given = {}) {
    const bus = new InMemoryBus();
    const [here, there] = [instance(bus, receiver), instance(bus, sender)];
    instances = [here, there];
    for (const { start } of instances) await start();
    await until(
      () => instances.every(({ cluster }) => cluster.otherMembers().length === 1),
      () => 'the instances to know one another',
    );
    return {
      here,
      there,
      send: (n: number) => there.router.send(ALICE, { namespace: '/', data: [`${n}`] }),
    };
  }

  it('holds back events after an outage, asks the others for missed events, and delivers all of them in order', async () => {
    const { here, send } = await given();
    await send(1);
    await until(
      () => here.namespace.deliveries.length === 1,
      () => 'the first event',
    );
    here.pubSub.deafen();
    await send(2);
    await passed();
    expect(here.repair.status).toMatchObject({ underway: true, repairs: 0 });
    here.pubSub.heal();
    await send(3);
    await until(
      () => here.namespace.deliveries.length === 3,
      () => 'the missed event and the next one',
    );
    const names = here.namespace.deliveries.map(({ packet }) => packet.packet?.data);
    expect(names).toEqual([['1'], ['2'], ['3']]);
    await until(
      () => !here.repair.status.underway,
      () => 'the end of the repair',
    );
    expect(here.repair.status).toEqual({ underway: false, heldBytes: 0, repairs: 1 });
    expect(here.gaps).toEqual([]);
  });

  it('asks for events of a slot that has moved to a server whose marks were heard before the move was noticed', async () => {
    const { here, there, send } = await given();
    const beat = async (): Promise<void> => {
      for (const { membership } of [there, here]) await membership.beatNow({ unchanged: true });
      await passed();
    };
    here.pubSub.inParts(isUser);
    there.pubSub.inParts(isUser);
    await send(1);
    await beat();
    await beat();
    // The old server sends no more events of the channel, and this instance does not know yet.
    there.pubSub.inParts(() => false);
    here.pubSub.hearBut(isUser);
    await send(2);
    await beat();
    here.pubSub.deafen(isUser);
    here.pubSub.heal();
    await until(
      () => here.namespace.deliveries.length === 2 && !here.repair.status.underway,
      () => 'the event that was missed',
    );
    const names = here.namespace.deliveries.map(({ packet }) => packet.packet?.data);
    expect([names, here.gaps]).toEqual([[['1'], ['2']], []]);
  });

  it('waits for events that their publisher repeats: Redis had taken them, and this instance has heard the last ones only', async () => {
    const { here, there, send } = await given();
    here.pubSub.deafen();
    there.pubSub.fallSilent(isUser);
    const sent = [send(1), send(2)];
    await passed();
    here.pubSub.hearBut(() => false);
    sent.push(send(3), send(4));
    await passed();
    // They are given up, and wait.
    there.pubSub.fail(isUser);
    there.pubSub.failUnanswered();
    here.pubSub.heal();
    await until(
      () => here.repair.status.repairs > 0 && there.pubSub.failures > 3,
      () => 'the question, and some more attempts',
    );
    there.pubSub.fail(() => false);
    await Promise.all([...sent, send(5)]);
    await until(
      () => here.namespace.deliveries.length === 5 && !here.repair.status.underway,
      () => 'all events',
    );
    const names = here.namespace.deliveries.map(({ packet }) => packet.packet?.data);
    expect(names).toEqual([['1'], ['2'], ['3'], ['4'], ['5']]);
    expect(here.gaps).toEqual([]);
  });

  it('goes on if Redis refuses the channels between the instances: events are not held for ever, and a gap is reported', async () => {
    // From the start: timers that an instance has already started would stay real.
    jest.useFakeTimers({ advanceTimers: true });
    const { here, there, send } = await given();
    here.pubSub.deafen();
    await send(1);
    await jest.advanceTimersByTimeAsync(0);
    here.pubSub.hearBut((channel) => /:(cluster|reply:.*)$/.test(channel));
    await send(2);
    await jest.advanceTimersByTimeAsync(30_000);
    expect([here.namespace.deliveries, here.gaps]).toEqual([[], []]);
    await jest.advanceTimersByTimeAsync(45_000);
    const { instanceId } = there.router;
    expect(here.gaps).toEqual([{ instanceId, from: 1, to: null, reason: 'no-answer' }]);
    expect(here.namespace.deliveries.map(({ packet }) => packet.packet?.data)).toEqual([['2']]);
    expect(here.repair.status).toEqual({ underway: false, heldBytes: 0, repairs: 1 });
  });

  it('is answered by an instance without the option, too, which has no history: that is a gap', async () => {
    const { here, there, send } = await given({ repair: false });
    here.pubSub.deafen();
    await send(1);
    await passed();
    here.pubSub.heal();
    await until(
      () => here.gaps.length > 0,
      () => 'the gap',
    );
    const { instanceId } = there.router;
    expect(here.gaps).toEqual([{ instanceId, from: 1, to: 1, reason: 'forgotten' }]);
    expect(here.namespace.deliveries).toEqual([]);
    expect(there.repair.status).toEqual({ underway: false, heldBytes: 0, repairs: 0 });
  });

  describe('has other instances write their records', () => {
    type Instance = ReturnType<typeof instance>;
    const ask = async ({ requests }: Instance, { router }: Instance): Promise<unknown[]> => {
      const replies: unknown[] = [];
      await requests.request({
        operation: RECORD,
        params: undefined,
        timeoutMs: PATIENCE_MS,
        to: router.instanceId,
        onPart: (_, reply) => replies.push(reply),
      });
      return replies;
    };

    it('and does not wait for other subscribers', async () => {
      // The others are not counted within a test.
      const { here } = await given({}, { memberTimeoutMs: 600_000 });
      await new InMemoryPubSub(here.pubSub.bus).subscribe(here.bus.channel);
      expect(await here.repair.laterEvents.refreshAll(600_000)).toBe(true);
    });

    it('once for all that ask at the same time', async () => {
      const { here, there } = await given();
      const beats = jest.spyOn(there.membership, 'beatNow');
      const replies = await Promise.all(Array.from({ length: 100 }, () => ask(here, there)));
      expect(replies).toEqual(Array.from({ length: 100 }, () => [true]));
      // With those that are due by themselves.
      expect(beats.mock.calls.length).toBeLessThan(10);
    });

    it('unless they end, which is no fault', async () => {
      const { here, there } = await given();
      await there.cluster.stop();
      await until(
        () => here.cluster.otherMembers().length === 0,
        () => 'its end to be known',
      );
      expect(await ask(here, there)).toEqual([false]);
      expect(there.reporter.counts()).toEqual({});
    });

    it('unless Redis refuses them', async () => {
      const { here, there } = await given({ hasRecords: false });
      expect(await ask(here, there)).toEqual([false]);
    });
  });
});
