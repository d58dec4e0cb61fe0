import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { OutboxQueue, type QueuedPublish } from '../../../src/routing/outbox-queue.js';
import { queuedPublish } from '../../support/queued-publish.js';

function publish(sequence: number, channel = 'a', onRead = (): void => undefined): QueuedPublish {
  const given = { channel, orderingKey: 'a', since: sequence };
  return Object.defineProperty(queuedPublish(given), 'sequence', {
    get() {
      onRead();
      return sequence;
    },
  });
}

const sequences = (publishes: readonly QueuedPublish[]) => publishes.map((each) => each.sequence);

/** Steps to put `size` events behind as many newer ones, in this order, and to take all out: reads and array moves. */
function stepsFor(size: number, order: (index: number) => number): number {
  let steps = 0;
  const { splice } = Array.prototype;
  jest.spyOn(Array.prototype, 'splice').mockImplementation(function (this: unknown[], ...args) {
    steps += this.length - args[0];
    return splice.apply(this, args);
  });
  const queue = new OutboxQueue('a', false);
  const add = (sequence: number): void => queue.insert(publish(sequence, 'a', () => steps++));
  for (let index = 0; index < size; index++) add(size + index);
  for (let index = 0; index < size; index++) add(order(index));
  while (queue.size > 0) for (const each of queue.head(250)) queue.remove(each);
  jest.restoreAllMocks();
  return steps;
}

describe('the queue of one ordering key', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('takes back thousands of events that failed in flight, in any order, without a cost that grows with their square', () => {
    const orders: ((size: number) => (index: number) => number)[] = [
      () => (index) => index,
      (size) => (index) => size - 1 - index,
      (size) => (index) => (index * 7_919) % size,
    ];
    for (const order of orders) {
      const [small, large] = [2_000, 8_000].map((size) => stepsFor(size, order(size)));
      // Sorting takes n log n: 4 times as many events take less than 6 times as many steps.
      expect((large ?? 0) / (small ?? 1)).toBeLessThan(6);
    }
  });

  it('returns events by sequence, whether they came late, were removed, or came after a read', () => {
    const queue = new OutboxQueue('a', false);
    const late = [3, 1, 2, 4].map((sequence) => publish(sequence));
    for (const sequence of [10, 11]) queue.insert(publish(sequence));
    for (const each of late) queue.insert(each);
    expect(queue.remove(late[2] as QueuedPublish)).toBe(true);
    expect(queue.remove(late[2] as QueuedPublish)).toBe(false);
    expect(sequences(queue.head(2))).toEqual([1, 3]);
    for (const sequence of [12, 2, 9]) queue.insert(publish(sequence));
    expect(sequences(queue.head(queue.size))).toEqual([1, 2, 3, 4, 9, 10, 11, 12]);
    expect(queue.size).toBe(8);
    for (const each of queue.head(queue.size)) expect(queue.remove(each)).toBe(true);
    expect([queue.size, queue.head(queue.size), queue.since]).toEqual([0, [], undefined]);
  });

  it('knows the events to report as queued: not those that wait for their outcome, nor those that have left', () => {
    const queue = new OutboxQueue('a', false);
    const [first, second] = [publish(1), publish(2)];
    const patient = queuedPublish({ channel: 'a', orderingKey: 'a', sequence: 3, mode: 'wait' });
    for (const each of [first, second, patient]) queue.insert(each);
    queue.remove(first);
    expect([...queue.unreported]).toEqual([second]);
  });

  it('knows since when its first event waits, before and after it puts late ones in order', () => {
    const queue = new OutboxQueue('a', false);
    expect(queue.since).toBeUndefined();
    queue.insert(publish(10));
    queue.insert(publish(4));
    queue.insert(publish(5));
    expect(queue.since).toBe(4);
    const [first] = queue.head(1);
    expect(queue.since).toBe(4);
    queue.remove(first as QueuedPublish);
    expect(queue.since).toBe(5);
  });

  it('returns the first events of one channel only', () => {
    const queue = new OutboxQueue('a', false);
    queue.insert(publish(1, 'a'));
    queue.insert(publish(3, 'a'));
    queue.insert(publish(2, 'b'));
    expect(sequences(queue.head(10))).toEqual([1]);
    queue.remove(queue.head(1)[0] as QueuedPublish);
    expect(sequences(queue.head(10))).toEqual([2]);
  });

  it('knows whether Redis may have taken an event before, and on a Cluster does not say so while its server fails', () => {
    for (const ordersChannels of [true, false]) {
      const queue = new OutboxQueue('a', ordersChannels);
      const [first, second] = [publish(1), publish(2)];
      for (const each of [first, second]) queue.insert(each);
      expect(queue.hasRepeated).toBe(false);
      for (const each of queue.take(2)) queue.back(each);
      expect(queue.hasRepeated).toBe(true);
      queue.pause();
      expect(queue.hasRepeated).toBe(ordersChannels);
      queue.failures = 0;
      queue.remove(first);
      expect(queue.hasRepeated).toBe(true);
      queue.remove(second);
      expect(queue.hasRepeated).toBe(false);
    }
  });
});
