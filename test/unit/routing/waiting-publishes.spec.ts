import { describe, expect, it } from '@jest/globals';
import type { QueuedPublish } from '../../../src/routing/outbox-queue.js';
import { WaitingPublishes } from '../../../src/routing/waiting-publishes.js';
import { queuedPublish } from '../../support/queued-publish.js';

function publish(name: string, bytes = 1): QueuedPublish {
  return queuedPublish({ channel: name, orderingKey: name, bytes: Buffer.alloc(bytes) });
}

describe('the events of the outbox by age', () => {
  it('counts events and bytes, and the part of them in flight', () => {
    const all = new WaitingPublishes();
    const [a, b, c] = [publish('a', 1), publish('b', 10), publish('c', 100)] as const;
    for (const each of [a, b, c]) all.add(each);
    expect([...all]).toEqual([a, b, c]);
    all.setInFlight(b, true);
    all.setInFlight(b, true);
    expect([all.size, all.bytes, all.inFlight]).toEqual([3, 111, { events: 1, bytes: 10 }]);
    all.remove(b);
    expect([...all]).toEqual([a, c]);
    expect([all.size, all.bytes, all.inFlight]).toEqual([2, 101, { events: 0, bytes: 0 }]);
  });

  it('finds the oldest event that is not in flight, also after one came back', () => {
    const all = new WaitingPublishes();
    const [a, b, c] = [publish('a'), publish('b'), publish('c')] as const;
    for (const each of [a, b, c]) all.add(each);
    for (const each of [a, b]) all.setInFlight(each, true);
    expect(all.oldestIdle()).toBe(c);
    all.setInFlight(b, false);
    expect(all.oldestIdle()).toBe(b);
    all.setInFlight(a, false);
    expect(all.oldestIdle()).toBe(a);
    for (const each of [a, c, b]) all.remove(each);
    expect(all.oldestIdle()).toBeUndefined();
    expect([...all]).toEqual([]);
  });

  it('continues when the current event is removed', () => {
    const all = new WaitingPublishes();
    for (const name of ['a', 'b', 'c']) all.add(publish(name));
    for (const each of all) all.remove(each);
    expect([all.size, all.bytes]).toEqual([0, 0]);
  });
});
