import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Channels } from '../../../src/channels/channels.js';
import { InMemoryBus } from '../../../src/redis/in-memory-pub-sub.js';
import { Marks } from '../../../src/repair/marks.js';
import { Positions } from '../../../src/repair/positions.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const CHANNEL = 'app:mark:a';

describe('marks', () => {
  let pubSub: BreakablePubSub;
  let positions: Positions;
  let subscriptions: Channels;
  let reporter: Reporter;
  let marks: Marks;
  let proven: number;

  beforeEach(() => {
    pubSub = new BreakablePubSub(new InMemoryBus());
    positions = new Positions(60_000);
    reporter = new Reporter(new MemoryLogger());
    subscriptions = new Channels(pubSub, reporter);
    proven = 0;
    const heartbeatIntervalMs = 0;
    const deps = { pubSub, subscriptions, positions, reporter, heartbeatIntervalMs };
    marks = new Marks({ ...deps, proven: () => proven++ });
    positions.begin([]);
    const head = { lane: 1, server: 'memory', head: 7, last: 9 };
    positions.read([{ instanceId: 'b', heads: [head] }]);
    marks.listen([CHANNEL]);
  });
  afterEach(() => {
    marks.close();
    if (subscriptions.size > 0) throw new Error('a channel is still subscribed');
  });

  it('prove what was read before they were sent', async () => {
    expect(marks.send()).toBe(false);
    expect(proven).toBe(0);
    await turn();
    expect([proven, positions.of('b').get(1)]).toEqual([1, 7]);
  });

  it('prove nothing where the server is not known', async () => {
    Object.assign(pubSub, { serverOf: () => undefined });
    marks.send();
    await turn();
    expect([proven, positions.of('b').size]).toEqual([0, 0]);
  });

  it('show a deaf connection: two of them were taken and did not come back', async () => {
    pubSub.hearBut(() => true);
    Object.assign(pubSub, { isSubscribed: () => true });
    const deaf: boolean[] = [];
    for (let beat = 0; beat < 4; beat++) {
      deaf.push(marks.send());
      await turn();
    }
    expect(deaf).toEqual([false, false, true, false]);
    marks.interrupted();
    expect(marks.send()).toBe(false);
    pubSub.hearBut(() => false);
    for (let beat = 0; beat < 5; beat++) {
      expect(marks.send()).toBe(false);
      await turn();
    }
  });

  it('are counted where they cannot be sent, and other bytes on their channel mean nothing', async () => {
    pubSub.refuse();
    expect(marks.send()).toBe(false);
    await turn();
    expect(reporter.counts()).toEqual({ 'heartbeat.failed': 1 });
    pubSub.heal();
    for (const bytes of [Buffer.alloc(16), Buffer.from('x')]) await pubSub.publish(CHANNEL, bytes);
    await turn();
    expect(proven).toBe(0);
  });

  it('are not waited for once this instance has ended', async () => {
    pubSub.hearBut(() => true);
    const before = marks.passed(3_600_000);
    marks.close();
    expect(await Promise.all([before, marks.passed(3_600_000)])).toEqual([false, false]);
  });

  it('go to the channels that are listened to now', async () => {
    const sent: string[] = [];
    const publish = pubSub.publish.bind(pubSub);
    pubSub.publish = (channel, bytes) => {
      sent.push(channel);
      return publish(channel, bytes);
    };
    marks.listen([CHANNEL, 'app:mark:a:1']);
    marks.send();
    marks.listen(['app:mark:a:1']);
    marks.send();
    await turn();
    expect(sent).toEqual([CHANNEL, 'app:mark:a:1', 'app:mark:a:1']);
    expect(subscriptions.size).toBe(1);
  });
});
