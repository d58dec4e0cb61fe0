import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Channels } from '../../../src/channels/channels.js';
import { MessageAuthenticator } from '../../../src/channels/message-authenticator.js';
import { ClusterBus } from '../../../src/cluster/cluster-bus.js';
import { Membership, type MembershipRead } from '../../../src/cluster/membership.js';
import { InMemoryRecords, RecordTable } from '../../../src/cluster/records/in-memory-records.js';
import type { InstanceRecords, RecordBeat } from '../../../src/cluster/records/instance-records.js';
import { encodeDescription, type RecordedLane } from '../../../src/cluster/records/record-text.js';
import { RedisRecords } from '../../../src/cluster/records/redis-records.js';
import { PropagatorError } from '../../../src/errors.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { RedisScripts } from '../../../src/redis/redis-scripts.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import type { MembershipMessage } from '../../../src/wire/cluster-message.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { Deferred } from '../../support/deferred.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

const PREFIX = 'app';
/** Frequent enough for a fast test, and long enough for a busy machine. */
const QUICK = { heartbeatIntervalMs: 50, memberTimeoutMs: 5_000 };
/** An instance that is killed is lost soon. */
const SHORT = { heartbeatIntervalMs: 50, memberTimeoutMs: 600 };
const MEMBER = { host: 'old', pid: 1, startedAt: 0, sockets: 0, users: 0 };
const TEXT = encodeDescription({ ...MEMBER, reads: [1, 2], sequence: 7, lanes: [] });
const MAX_BYTES = 1024 * 1024;

type Where = 'records in memory' | 'records in Redis' | 'heartbeats to all';
type Options = typeof QUICK;

/** Counts the beats, and refuses them if a test says so. */
class WatchedRecords implements InstanceRecords {
  beats = 0;
  refusal: PropagatorError | undefined;

  constructor(private readonly records: InstanceRecords) {}

  async beat(beat: RecordBeat) {
    this.beats++;
    if (this.refusal !== undefined) throw this.refusal;
    return this.records.beat(beat);
  }

  async end(text: string) {
    return this.records.end(text);
  }

  close(): void {
    this.records.close();
  }
}

/** Everything that instances share. */
class World {
  readonly bus = new InMemoryBus();
  table = new RecordTable();
  readonly redis = new Redis(testRedisUrl(), { lazyConnect: true });
  readonly prefix = `test:${randomUUID()}`;
  /** Messages to all, by type. */
  readonly sent: string[] = [];
  readonly closing: (() => unknown)[] = [];

  constructor(readonly where: Where) {}

  records(instanceId: string, options: Options): InstanceRecords | undefined {
    const limits = { ...options, keptMs: 60_000 };
    if (this.where === 'heartbeats to all') return undefined;
    if (this.where === 'records in memory')
      return new InMemoryRecords(this.table, instanceId, limits);
    const scripts = new RedisScripts(this.redis, PATIENCE_MS, `${this.prefix}:*`);
    return new RedisRecords(scripts, this.prefix, instanceId, limits);
  }

  /** The parts of an instance that speak with others. */
  voice(instanceId = randomBytes(8).toString('hex'), secret?: string) {
    const pubSub = new BreakablePubSub(this.bus);
    const reporter = new Reporter(new MemoryLogger());
    const channels = new Channels(pubSub, reporter);
    const limits = { prefix: PREFIX, maxMessageBytes: MAX_BYTES };
    const keys = secret === undefined ? undefined : [createSecretKey(secret, 'utf8')];
    const guard = MessageAuthenticator.of({ secret: keys, outbox: undefined }, reporter);
    const bus = new ClusterBus(instanceId, pubSub, channels, limits, reporter, guard);
    this.closing.push(() => {
      bus.close();
      channels.close();
      return pubSub.close();
    });
    return { instanceId, pubSub, reporter, bus };
  }

  member(options: Options = QUICK, secret?: string) {
    const { instanceId, pubSub, reporter, bus } = this.voice(undefined, secret);
    const own = this.records(instanceId, options);
    const records = own && new WatchedRecords(own);
    const lanes: RecordedLane[] = [];
    const describeSelf = () => ({ sockets: 0, users: 0, sequence: 0, lanes });
    const membership = new Membership(
      { bus, pubSub, records, describe: describeSelf, reporter },
      options,
    );
    const changes: string[] = [];
    const reads: MembershipRead[] = [];
    const log: string[] = [];
    membership.listen({
      read: (read) => {
        reads.push(read);
        log.push('read');
      },
    });
    membership.changes$.subscribe(({ type, member }) => {
      changes.push(`${type} ${member.instanceId}`);
      log.push(type);
    });
    this.closing.unshift(() => membership.stop());
    const others = (): string[] => membership.others().map((member) => member.instanceId);
    return {
      instanceId,
      membership,
      records,
      reporter,
      bus,
      pubSub,
      lanes,
      changes,
      reads,
      log,
      others,
    };
  }

  async members(count: number, options: Options = QUICK) {
    const members = Array.from({ length: count }, () => this.member(options));
    await Promise.all(members.map(({ membership }) => membership.start()));
    await knowEachOther(members);
    return members as [Member, ...Member[]];
  }

  /** An instance that says something, and then nothing more. */
  async silent(): Promise<string> {
    const { instanceId, bus } = this.voice();
    const records = this.records(instanceId, QUICK);
    const known = { version: 0, changesVersion: 0, data: '' };
    await records?.beat({ text: TEXT, known, mayGiveUp: false, read: 'changes' });
    if (records === undefined)
      await bus.sendToAll({ type: 'hello', member: MEMBER, beat: 1, record: TEXT });
    return instanceId;
  }

  listen(): void {
    const { bus } = this.voice();
    bus.messages$.subscribe(({ message }) => this.sent.push(message.type));
    void bus.open();
  }

  async close(): Promise<void> {
    await Promise.all(this.closing.splice(0).map((close) => close()));
    if (this.redis.status === 'ready') {
      const keys = await this.redis.keys(`${this.prefix}:*`);
      if (keys.length > 0) await this.redis.del(...keys);
    }
    this.redis.disconnect();
  }
}

type Member = ReturnType<World['member']>;

async function knowEachOther(members: readonly Member[]): Promise<void> {
  const ids = members.map(({ instanceId }) => instanceId);
  for (const { instanceId, others } of members) {
    await until(
      () => [instanceId, ...others()].toSorted().join() === ids.toSorted().join(),
      () => `${instanceId} to know ${ids.length - 1} others, it knows ${others().length}`,
    );
  }
}

const knows = ({ others }: Member, id: string, whether = true): Promise<void> =>
  until(
    () => others().includes(id) === whether,
    () => `${id} to be ${whether ? 'known' : 'forgotten'}`,
  );

/** So many more beats. */
const beats = ({ records }: Member, count = 2): Promise<void> => {
  const enough = (records?.beats ?? 0) + count;
  return until(
    () => (records?.beats ?? Infinity) >= enough,
    () => 'beats',
  );
};

let world: World;
const givenWorld = async (where: Where): Promise<void> => {
  world = new World(where);
  if (where === 'records in Redis') await world.redis.connect();
};
afterEach(() => world.close());

describe.each<Where>(['records in memory', 'records in Redis', 'heartbeats to all'])(
  'the members of a cluster, by %s',
  (where) => {
    beforeEach(() => givenWorld(where));

    it('know one another, each once', async () => {
      const members = await world.members(4);
      for (const { changes } of members) {
        expect(new Set(changes).size).toBe(3);
        expect(changes.filter((change) => change.startsWith('joined'))).toHaveLength(3);
      }
    });

    it('learn what the others have published so far, before they learn that they are there', async () => {
      const [a, b] = (await world.members(2)) as [Member, Member];
      expect(a.log.slice(0, 1 + a.log.indexOf('joined'))).toContain('read');
      b.lanes.push({ lane: 1, server: 'x', head: 5, last: 6 });
      const seen = () => a.reads.flatMap(({ instances }) => instances).at(-1)?.description.lanes;
      await until(
        () => seen()?.length === 1,
        () => 'the lane',
      );
      expect(seen()).toEqual(b.lanes);
    });

    it('leave at once, and once; the last record says what the instance published', async () => {
      const [a, b] = (await world.members(2)) as [Member, Member];
      b.lanes.push({ lane: 1, server: 'x', head: 5, last: 6 });
      a.reads.length = a.changes.length = 0;
      await b.membership.stop();
      await knows(a, b.instanceId, false);
      expect(a.changes).toEqual([`left ${b.instanceId}`]);
      const last = a.reads.flatMap(({ instances }) => instances).at(-1);
      expect(last).toMatchObject({ state: 'ended', description: { lanes: b.lanes } });
    });

    it('are lost where they fall silent, also where the clock of the machine is set back', async () => {
      const [a] = await world.members(2, SHORT);
      const id = await world.silent();
      await knows(a, id);
      const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 120_000);
      try {
        await knows(a, id, false);
      } finally {
        clock.mockRestore();
      }
      expect(a.changes.slice(1)).toEqual([`joined ${id}`, `lost ${id}`]);
    });

    it('with a secret ignore instances with another secret, and without one', async () => {
      const secrets = ['mine', 'mine', 'other', undefined];
      const members = secrets.map((secret) => world.member(QUICK, secret));
      const [a, b, other, without] = members as [Member, Member, Member, Member];
      for (const { membership } of members) await membership.start();
      await knowEachOther([a, b]);
      await until(
        () => without.others().length === 3,
        () => 'the one without a secret to know all',
      );
      await Promise.all(members.map(({ membership }) => membership.beatNow({ unchanged: true })));
      expect([a.others(), b.others(), other.others()]).toEqual([
        [b.instanceId],
        [a.instanceId],
        [],
      ]);
      expect(Object.keys(a.reporter.counts()).toSorted()).toEqual([
        'message.forged',
        'message.unsigned',
      ]);
    });

    it('share beats that are asked for at the same time, and number what they read', async () => {
      const [a, b] = (await world.members(2)) as [Member, Member];
      a.reads.length = 0;
      const before = a.reads.length;
      await Promise.all(
        Array.from({ length: 10 }, () => a.membership.beatNow({ unchanged: true })),
      );
      await until(
        async () => {
          await a.membership.beatNow({ unchanged: true });
          return a.reads.some((read) =>
            read.instances.some((one) => one.instanceId === b.instanceId),
          );
        },
        () => 'the unchanged record',
      );
      const versions = a.reads.slice(before).map(({ version }) => version);
      expect(versions).toEqual(versions.toSorted((x, y) => x - y));
      expect(new Set(versions).size).toBe(versions.length);
    });
  },
);

describe.each<Where>(['records in memory', 'records in Redis'])('members by %s', (where) => {
  beforeEach(() => givenWorld(where));

  it('send nothing to all while nothing changes, and one beat at a time', async () => {
    const members = await world.members(5);
    await beats(members[0], 3);
    world.listen();
    const from = members.map(({ records }) => records?.beats ?? 0);
    await beats(members[0], 10);
    expect(world.sent).toEqual([]);
    for (const [index, { records }] of members.entries()) {
      expect((records?.beats ?? 0) - (from[index] ?? 0)).toBeLessThan(100);
    }
  });

  it('stay members while the store is away; afterwards a silent one is lost, and no other', async () => {
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    const id = await world.silent();
    await knows(a, id);
    await knows(b, id);
    const away = PropagatorError.of('redis.unavailable', ['gone']);
    for (const { records } of [a, b]) if (records) records.refusal = away;
    await expect(a.membership.beatNow({ unchanged: false })).rejects.toBe(away);
    const [changesOfA, changesOfB] = [a.changes.length, b.changes.length];
    await beats(a, 20);
    expect([a.changes.length, b.changes.length]).toEqual([changesOfA, changesOfB]);
    for (const { records } of [a, b]) if (records) records.refusal = undefined;
    await knows(a, id, false);
    await knows(b, id, false);
    expect(a.changes.slice(changesOfA)).toEqual([`lost ${id}`]);
    expect(b.changes.slice(changesOfB)).toEqual([`lost ${id}`]);
    expect(a.reporter.counts()['records.refused']).toBeUndefined();
  });

  it('stay members where the store has lost its data, and a silent one is lost', async () => {
    // The memory of a process is not lost.
    if (where === 'records in memory') return;
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    const id = await world.silent();
    await knows(a, id);
    const before = a.changes.length;
    await world.redis.del(...(await world.redis.keys(`${world.prefix}:*`)));
    await knows(a, id, false);
    expect(a.changes.slice(before)).toEqual([`lost ${id}`]);
    expect(a.others()).toEqual([b.instanceId]);
  });

  it('send heartbeats to all while one is known that has no record', async () => {
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    const old = world.voice();
    const heard: MembershipMessage[] = [];
    old.bus.messages$.subscribe(({ message }) => {
      if ('member' in message) heard.push(message);
    });
    await old.bus.open();
    await old.bus.sendToAll({ type: 'hello', member: MEMBER, beat: 1 });
    await knows(a, old.instanceId);
    await knows(b, old.instanceId);
    expect(a.membership.withoutLanes()).toEqual([old.instanceId]);
    await until(
      () => heard.filter(({ type, beat }) => type === 'heartbeat' && beat === 0).length >= 2,
      () => 'answers to it',
    );
    await until(
      () => heard.filter(({ type, beat }) => type === 'heartbeat' && beat > 0).length >= 4,
      () => 'heartbeats to all',
    );
    await knows(a, old.instanceId, false);
    await knows(b, old.instanceId, false);
    await beats(a, 2);
    await beats(b, 2);
    heard.length = 0;
    await beats(a, 5);
    expect(heard).toEqual([]);
    expect(a.changes.slice(1)).toEqual([`joined ${old.instanceId}`, `lost ${old.instanceId}`]);
  });

  it('write version 1 of the envelope until all that may be there are heard, and while one reads no other', async () => {
    const [a] = await world.members(2, SHORT);
    const versions: number[] = [];
    a.membership.wireVersion$.subscribe((version) => versions.push(version));
    await until(
      () => versions.at(-1) === 2,
      () => 'version 2',
    );
    const old = world.voice();
    await old.bus.sendToAll({ type: 'heartbeat', member: MEMBER, beat: 1 });
    await until(
      () => versions.at(-1) === 1,
      () => 'version 1',
    );
    await old.bus.sendToAll({ type: 'bye', member: MEMBER, beat: 2 });
    await until(
      () => versions.at(-1) === 2,
      () => 'version 2 again',
    );
    expect(versions).toEqual([1, 2, 1, 2]);
  });

  it('that Redis does not permit the keys announce themselves to all, and are known like the others', async () => {
    const refusal = PropagatorError.of('redis.permission', ['EVALSHA', 'NOPERM', 'Grant it.']);
    const [a] = await world.members(2, SHORT);
    const refused = world.member(SHORT);
    if (refused.records) refused.records.refusal = refusal;
    refused.lanes.push({ lane: 1, server: 'x', head: 1, last: 2 });
    await refused.membership.start();
    await knows(a, refused.instanceId);
    await until(
      () => refused.others().length === 2,
      () => 'it to know the others',
    );
    const read = a.reads
      .flatMap(({ instances }) => instances)
      .findLast(({ instanceId }) => instanceId === refused.instanceId);
    expect(read?.description.lanes).toEqual(refused.lanes);
    expect(a.membership.withoutLanes()).toEqual([]);
    const { changes } = refused;
    await beats(a, 30);
    expect(changes.map((change) => change.split(' ')[0])).toEqual(['joined', 'joined']);
    expect(refused.reporter.counts()).toEqual({ 'records.refused': 1 });
    await refused.membership.stop();
    await knows(a, refused.instanceId, false);
    expect(a.changes.slice(1)).toEqual([
      `joined ${refused.instanceId}`,
      `left ${refused.instanceId}`,
    ]);
  });

  it('ignore records that nobody can read, count them, and go on', async () => {
    const [a] = await world.members(2);
    const garbage = ['', '{}', '[1]', `[[2],"${'x'.repeat(300)}",1,1,1,1,1,[]]`];
    for (const text of garbage) {
      const records = world.records(randomBytes(8).toString('hex'), QUICK);
      const known = { version: 0, changesVersion: 0, data: '' };
      await records?.beat({ text, known, mayGiveUp: false, read: 'changes' });
    }
    const strange = world.records('not an id', QUICK);
    const known = { version: 0, changesVersion: 0, data: '' };
    await strange?.beat({ text: TEXT, known, mayGiveUp: false, read: 'changes' });
    const later = `[[3],"later",1,1,1,1,1,[],{"more":1}]`;
    const id = randomBytes(8).toString('hex');
    await world.records(id, QUICK)?.beat({ text: later, known, mayGiveUp: false, read: 'changes' });
    await knows(a, id);
    expect(a.others()).toHaveLength(2);
    expect(a.reporter.counts()['record.malformed']).toBeGreaterThanOrEqual(garbage.length + 1);
  });

  it('are not lost for good where somebody speaks in their name', async () => {
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    const { bus: forged } = world.voice(b.instanceId);
    await forged.sendToAll({ type: 'bye', member: MEMBER, beat: 1 });
    await beats(a, 3);
    expect(a.others()).toEqual([b.instanceId]);
    await forged.sendToAll({ type: 'heartbeat', member: MEMBER, beat: 1 });
    await knows(a, b.instanceId, false);
    await knows(a, b.instanceId);
    expect(a.others()).toEqual([b.instanceId]);
  });
});

describe('a hundred members', () => {
  const COUNT = 100;
  beforeEach(async () => {
    await givenWorld('records in memory');
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('that join at once, and leave at once, say so a few times only', async () => {
    world.listen();
    const calm = { heartbeatIntervalMs: 2_000, memberTimeoutMs: 60_000 };
    const members = Array.from({ length: COUNT }, () => world.member(calm));
    const starting = members.map(({ membership }) => membership.start());
    await jest.advanceTimersByTimeAsync(1_500);
    await Promise.all(starting);
    expect(members.map(({ others }) => others().length)).toEqual(members.map(() => COUNT - 1));
    expect(new Set(world.sent)).toEqual(new Set(['hello']));
    expect(world.sent.length).toBeLessThan(COUNT / 4);
    world.sent.length = 0;
    const [first, ...rest] = members;
    const leaving = rest.map(({ membership }) => membership.stop());
    await jest.advanceTimersByTimeAsync(1_500);
    await Promise.all(leaving);
    expect(first?.others()).toEqual([]);
    expect(first?.changes.filter((change) => change.startsWith('left'))).toHaveLength(COUNT - 1);
    expect(new Set(world.sent)).toEqual(new Set(['bye']));
    expect(world.sent.length).toBeLessThan(COUNT / 4);
  });
});

describe('a member that was frozen', () => {
  beforeEach(() => givenWorld('records in memory'));

  it('is lost for the others, keeps them, and is there again with its next beat', async () => {
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    const thawed = new Deferred();
    const { records } = b;
    const beat = records?.beat.bind(records);
    if (records && beat)
      records.beat = async (ofBeat) => {
        await thawed.promise;
        return beat(ofBeat);
      };
    await knows(a, b.instanceId, false);
    thawed.resolve();
    await knows(a, b.instanceId);
    expect(a.changes.slice(1)).toEqual([`lost ${b.instanceId}`, `joined ${b.instanceId}`]);
    expect(b.changes).toEqual([`joined ${a.instanceId}`]);
  });
});

describe('the transport of an app, with heartbeats to all', () => {
  beforeEach(() => givenWorld('heartbeats to all'));

  it('limits the number of instances', async () => {
    const a = world.member({ heartbeatIntervalMs: 60_000, memberTimeoutMs: 120_000 });
    await a.membership.start();
    for (let i = 1; i <= 4_200; i++) {
      const { bus } = world.voice(i.toString(16).padStart(16, '0'));
      await bus.sendToAll({ type: 'heartbeat', member: MEMBER, beat: 0, record: TEXT });
    }
    await until(
      () => a.reporter.counts()['member.too-many'] === 104,
      () => 'the surplus to be refused',
    );
    expect(a.others()).toHaveLength(4_096);
    expect(a.pubSub).toBeInstanceOf(InMemoryPubSub);
  });

  it('keeps no more lanes of all instances than there is room for; each has 16 of its own', async () => {
    const a = world.member({ heartbeatIntervalMs: 60_000, memberTimeoutMs: 120_000 });
    await a.membership.start();
    const lanes = Array.from({ length: 1_024 }, (_, i) => {
      return { lane: i + 1, server: 'x', head: 1, last: 1 };
    });
    const say = async (i: number, count: number, type: 'heartbeat' | 'bye' = 'heartbeat') => {
      const { bus, instanceId } = world.voice(i.toString(16).padStart(16, '0'));
      const record = encodeDescription({
        ...MEMBER,
        reads: [1, 2],
        sequence: 7,
        lanes: lanes.slice(0, count),
      });
      await bus.sendToAll({ type, member: MEMBER, beat: 0, record });
      return instanceId;
    };
    const MOST = Math.floor(112_000 / (1_024 - 16));
    for (let i = 1; i <= MOST; i++) await say(i, 1_024);
    const refused = [await say(501, 1_024), await say(502, 1_024)];
    const small = await say(503, 16);
    await knows(a, small);
    // They are members, and each outage is a gap of their events.
    expect(a.others()).toHaveLength(MOST + 3);
    expect(a.membership.withoutLanes()).toEqual(refused);
    expect(a.reporter.counts()).toEqual({ 'record.too-large': 2 });
    // One that ends makes room.
    await say(1, 1_024, 'bye');
    await say(501, 1_024);
    await until(
      () => a.membership.withoutLanes().join() === refused[1],
      () => 'room for the other one',
    );
    await say(502, 2);
    await until(
      () => a.membership.withoutLanes().length === 0,
      () => 'fewer lanes to be read',
    );
  });

  it('answers an instance once between two heartbeats, however often it says hello', async () => {
    const a = world.member({ heartbeatIntervalMs: 60_000, memberTimeoutMs: 120_000 });
    await a.membership.start();
    const { bus, instanceId } = world.voice();
    const answers: string[] = [];
    bus.messages$.subscribe(({ origin }) => {
      if (origin === a.instanceId) answers.push(origin);
    });
    await bus.open();
    for (let beat = 1; beat <= 50; beat++) {
      await bus.sendToAll({ type: 'hello', member: MEMBER, beat, record: TEXT });
    }
    await knows(a, instanceId);
    await until(
      () => answers.length > 0,
      () => 'the answer',
    );
    // Once it has left, all its hellos have been read.
    await bus.sendToAll({ type: 'bye', member: MEMBER, beat: 51 });
    await until(
      () => a.others().length === 0,
      () => 'the instance to leave',
    );
    expect(answers).toHaveLength(1);
  });

  it('goes without its record where that is longer than a message, and says so', async () => {
    const [a, b] = (await world.members(2, SHORT)) as [Member, Member];
    for (let lane = 1; lane <= 1_024; lane++) {
      b.lanes.push({ lane, server: 'x'.repeat(1_024), head: 1, last: 1 });
    }
    await until(
      () => a.membership.withoutLanes().length > 0,
      () => 'a heartbeat without a record',
    );
    expect(a.others()).toEqual([b.instanceId]);
    expect(b.reporter.counts()['record.too-large']).toBeGreaterThan(0);
    b.lanes.length = 1;
    b.lanes[0] = { lane: 1, server: 'x', head: 1, last: 1 };
    await until(
      () => a.membership.withoutLanes().length === 0,
      () => 'the record again',
    );
    expect(a.changes).toEqual([`joined ${b.instanceId}`]);
  });
});

describe('records in Redis that are too large', () => {
  beforeEach(() => givenWorld('records in Redis'));

  it('are not sent to the instances, which report them and know all others', async () => {
    const known = { version: 0, changesVersion: 0, data: '' };
    const write = async (text: string, id = randomBytes(8).toString('hex')): Promise<string> => {
      const records = world.records(id, QUICK);
      await records?.beat({ text, known, mayGiveUp: false, read: 'states' });
      return id;
    };
    const reader = world.records(randomBytes(8).toString('hex'), QUICK);
    const good = await write(TEXT);
    const long = await write('x'.repeat(512 * 1024 + 1));
    await write(TEXT, 'x'.repeat(65));
    const read = await reader?.beat({ text: TEXT, known, mayGiveUp: false, read: 'changes' });
    const texts = new Map(read?.records.map(({ instanceId, text }) => [instanceId, text]));
    expect([...texts]).toEqual([
      [good, TEXT],
      [long, undefined],
    ]);
    // Each is short enough, and all together are too long: the first ones are read.
    for (let i = 0; i < 70; i++) await write('x'.repeat(512 * 1024 - 100));
    const more = await reader?.beat({ text: TEXT, known, mayGiveUp: false, read: 'changes' });
    const length = more?.records.reduce((sum, { text = '' }) => sum + text.length, 0) ?? 0;
    expect(length).toBeGreaterThan(31 * 1024 * 1024);
    expect(length).toBeLessThanOrEqual(32 * 1024 * 1024);
    const a = world.member();
    await a.membership.start();
    await knows(a, good);
    expect(a.others()).not.toContain(long);
    expect(a.others()).toHaveLength(2);
    expect(a.reporter.counts()['record.too-large']).toBeGreaterThan(0);
  });
});
