import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { startCluster, type ClusterNode } from '../../scripts/redis/topologies/cluster.mjs';
import {
  ClusterService,
  type EventGap,
  type RedisConnection,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { DiagnosticsService } from '../../src/observability/diagnostics.service.js';
import { untilMembersKnown } from '../support/members.js';
import type { TestClient } from '../support/test-client.js';
import type { TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';
import { ClusterBus } from './support/cluster-bus.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { startTwo } from './support/two-instances.js';

const PATIENCE_MS = 60_000;
const EVERY_MS = 50;
const ROUNDS_APART = 20;
/** The default options, in place of those for tests. */
const DEFAULTS = {
  connectTimeoutMs: undefined,
  publishTimeoutMs: undefined,
  requestTimeoutMs: undefined,
};
/** Longer than a test may take, also on a busy machine. */
const [LONG_MS, MANY] = [600_000, 1_000_000];
const PATIENT = {
  outbox: { maxAgeMs: LONG_MS, maxEvents: MANY },
  repair: { maxAgeMs: LONG_MS },
};
/** The users of Redis: of the instance that stays with the old master, and of the one that stays with all others. */
const [NEAR, FAR] = ['near', 'far'];
const PASSWORD = 'of-a-test';

const bus = new ClusterBus();
afterAll(() => bus.close());
const redisCluster = started(() => startCluster({ ...serverBin(), busPortOf: bus.portOf }));

const userIds = Array.from({ length: 12 }, (_, index) => `user-${index}`);

/** One of both instances, with a client for each user, and the events that it sends. */
class Side {
  readonly gaps: EventGap[] = [];
  readonly changes: string[] = [];
  readonly sent: Promise<{ readonly remoteInstances: number | null }>[] = [];
  /** The numbers of its events for each user; in all they are numbered from 1, as by the library. */
  readonly numbers: number[][] = userIds.map(() => []);
  losses = 0;

  private constructor(
    readonly instance: TestInstance,
    private readonly clients: readonly TestClient[],
  ) {
    const cluster = instance.app.get(ClusterService);
    cluster.gaps$.subscribe((gap) => this.gaps.push(gap));
    cluster.changes$.subscribe(({ type }) => this.changes.push(type));
    instance.propagator.losses$.subscribe(() => this.losses++);
  }

  static async of(instance: TestInstance): Promise<Side> {
    return new Side(
      instance,
      await Promise.all(userIds.map((token) => instance.connect({ token }))),
    );
  }

  get id(): string {
    return this.instance.app.get(ClusterService).self.instanceId;
  }

  get isRepaired(): boolean {
    return !this.instance.app.get(DiagnosticsService).diagnostics().repair.underway;
  }

  emitToEach(): void {
    for (const [index, userId] of userIds.entries()) {
      const number = this.sent.length + 1;
      this.numbers[index]?.push(number);
      this.sent.push(this.instance.propagator.emitToUser({ userId, event: this.id, data: number }));
    }
  }

  /** The numbers of the events of the other side that a user has received here. */
  received(from: Side, user: number): number[] {
    return (this.clients[user]?.data(from.id) ?? []) as number[];
  }

  /** The events of the other side that have not arrived here. */
  missing(from: Side): number[] {
    return from.numbers.flatMap((all, user) => {
      const received = new Set(this.received(from, user));
      return all.filter((number) => !received.has(number));
    });
  }

  isInGap(number: number): boolean {
    return this.gaps.some(({ from, to }) => from <= number && number <= (to ?? Infinity));
  }
}

const connection = (username: string): RedisConnection => ({
  nodes: redisCluster().nodes,
  options: { redisOptions: { username, password: PASSWORD } },
});

/** A user of Redis cannot reach these nodes any more. */
async function cutOff(user: string, nodes: readonly ClusterNode[]): Promise<void> {
  for (const { admin } of nodes) {
    await admin.call('ACL', 'SETUSER', user, 'off');
    await admin.call('CLIENT', 'KILL', 'USER', user);
  }
}

describe('on a Cluster that is split', () => {
  let apps: TestCluster;
  let near: Side;
  let far: Side;
  let sending: NodeJS.Timeout;

  async function start(options: RedisPropagatorOptions = {}): Promise<void> {
    for (const user of [NEAR, FAR]) {
      const rules = ['on', `>${PASSWORD}`, '~*', '&*', '+@all'];
      await redisCluster().everywhere('ACL', 'SETUSER', user, ...rules);
    }
    apps = await startTwo((index) => ({
      ...DEFAULTS,
      ...PATIENT,
      ...options,
      redis: connection(index === 0 ? NEAR : FAR),
    }));
    await untilMembersKnown(apps);
    near = await Side.of(apps.instance(0));
    far = await Side.of(apps.instance(1));
    await both('ready');
    sending = setInterval(() => {
      near.emitToEach();
      far.emitToEach();
    }, EVERY_MS);
  }
  afterEach(async () => {
    clearInterval(sending);
    await apps.close();
  });

  const both = (state: string): Promise<void> =>
    until(
      () => apps.instances.every(({ redis }) => redis.state === state),
      () => `both to be ${state}`,
      PATIENCE_MS,
    );

  /**
   * The master of the first user stays with one instance, and all other nodes with the other one, until its replica has taken over. An
   * ACL stands in for the network of the instances.
   */
  async function split(): Promise<void> {
    const slot = calculateSlot(apps.channel(`user:${userIds.at(0)}`));
    const old = await redisCluster().masterOf(slot);
    const others = redisCluster().members.filter((node) => node !== old);
    bus.split(old);
    await cutOff(FAR, [old]);
    await cutOff(NEAR, others);
    await both('degraded');
    await redisCluster().failedOver(slot, old, others);
    const { length } = far.sent;
    await until(
      () => far.sent.length > length + ROUNDS_APART * userIds.length,
      () => 'events of both sides',
    );
  }

  async function heal(): Promise<void> {
    bus.heal();
    for (const user of [NEAR, FAR]) await redisCluster().everywhere('ACL', 'SETUSER', user, 'on');
    await redisCluster().healthy();
    await both('ready');
    clearInterval(sending);
    await Promise.allSettled([...near.sent, ...far.sent]);
    await until(
      () => [near, far].every(({ isRepaired }) => isRepaired),
      () => 'both to be repaired',
      PATIENCE_MS,
    );
  }

  it('every event of both sides arrives once, in the order of its target', async () => {
    await start({ memberTimeoutMs: LONG_MS });
    await split();
    await heal();

    for (const [to, from] of [
      [near, far],
      [far, near],
    ] as const) {
      await until(
        () => to.missing(from).length === 0,
        () => `events ${to.missing(from).join()}`,
      );
      expect(userIds.map((_, user) => to.received(from, user))).toEqual(from.numbers);
      expect({ gaps: to.gaps, losses: to.losses }).toEqual({ gaps: [], losses: 0 });
    }
    // The old master has taken events that only one of both could hear.
    const receipts = await Promise.all(near.sent);
    expect(receipts.some(({ remoteInstances }) => remoteInstances === 0)).toBe(true);
  });

  it('for so long that one side gives the other up, every event arrives once, or is in a gap', async () => {
    await start();
    await split();
    await until(
      () => far.changes.includes('lost'),
      () => 'an instance to be lost',
    );
    await heal();

    for (const [to, from] of [
      [near, far],
      [far, near],
    ] as const) {
      const untold = (): number[] => to.missing(from).filter((number) => !to.isInGap(number));
      await until(
        () => untold().length === 0,
        () => `events ${untold().join()}`,
      );
      for (const user of userIds.keys()) {
        const received = to.received(from, user);
        expect(new Set(received).size).toBe(received.length);
      }
    }
    expect([near.losses, far.losses]).toEqual([0, 0]);
  });
});
