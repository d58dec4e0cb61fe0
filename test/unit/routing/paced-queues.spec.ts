import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Outbox } from '../../../src/routing/outbox.js';
import { OutboxQueue } from '../../../src/routing/outbox-queue.js';
import { MAX_PER_TURN, PacedQueues } from '../../../src/routing/paced-queues.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const COUNT = 2_300;
const TURNS = [500, 500, 500, 500, 300];

/** The growth of `count` in each turn of the event loop, until it stops growing. */
async function eachTurn(count: () => number, counted = 0): Promise<number[]> {
  const grown: number[] = [];
  for (let before = counted; count() > before; await jest.advanceTimersToNextTimerAsync()) {
    grown.push(count() - before);
    before = count();
  }
  return grown;
}

const fail = (error: unknown): never => {
  throw error;
};

describe('one turn of the event loop', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('starts a limited number of events of many queues, in the order in which they were added', async () => {
    const started: string[] = [];
    const paced = new PacedQueues(fail, (queue) => started.push(queue.orderingKey) && 1);
    const queues = Array.from(
      { length: COUNT },
      (_, index) => new OutboxQueue(String(index), false),
    );
    paced.add(queues);
    paced.add(queues.slice(-1));
    expect(await eachTurn(() => started.length)).toEqual(TURNS);
    expect(started).toEqual(queues.map(({ orderingKey }) => orderingKey));
  });

  it('starts as many events of one queue as are left, and none of queues that cannot be sent from', async () => {
    const started: number[] = [];
    const paced = new PacedQueues(fail, ({ orderingKey }, most) => {
      if (orderingKey === 'busy') return 0;
      started.push(Math.min(most, 300));
      return Math.min(most, 300);
    });
    paced.add(['a', 'busy', 'b', 'c'].map((key) => new OutboxQueue(key, false)));
    expect(started).toEqual([300, MAX_PER_TURN - 300]);
    await jest.advanceTimersToNextTimerAsync();
    expect(started).toEqual([300, MAX_PER_TURN - 300, 300]);
  });

  it('starts nothing that was cleared', async () => {
    let started = 0;
    const paced = new PacedQueues(fail, () => ++started && 1);
    paced.add(Array.from({ length: COUNT }, (_, index) => new OutboxQueue(String(index), false)));
    paced.clear();
    await jest.advanceTimersToNextTimerAsync();
    expect(started).toBe(MAX_PER_TURN);
  });

  it('sends, reports and gives up a limited number of waiting events', async () => {
    let sent = 0;
    let open = false;
    const outcomes = { queued: 0, sent: 0, expired: 0 };
    const make = (patienceMs: number): Outbox =>
      new Outbox(
        { maxEvents: COUNT, maxBytes: 1_000_000, maxAgeMs: 950 },
        {
          isOpen: () => open,
          awaySince: () => undefined,
          ordersChannels: false,
          overdue: () => ({ events: 0, bytes: 0 }),
          lost: () => undefined,
          isBusy: () => false,
          isPassing: () => true,
          send: async () => ++sent,
        },
        new Reporter(new MemoryLogger()),
        patienceMs,
      );
    const fill = (outbox: Outbox): void => {
      for (let sequence = 1; sequence <= COUNT; sequence++) {
        const name = `user ${sequence}`;
        const given = { channel: name, orderingKey: name, bytes: Buffer.from('x'), sequence };
        outbox.add({ ...given, repeated: false, reason: 'away' }).then(
          (instances) => (instances === undefined ? outcomes.queued++ : outcomes.sent++),
          () => outcomes.expired++,
        );
      }
    };

    const patient = make(10_000);
    fill(patient);
    open = true;
    patient.flush();
    expect(await eachTurn(() => sent)).toEqual(TURNS);
    open = false;
    fill(patient);
    await jest.advanceTimersByTimeAsync(999);
    await jest.advanceTimersToNextTimerAsync();
    expect(await eachTurn(() => outcomes.expired)).toEqual(TURNS);

    const impatient = make(850);
    fill(impatient);
    await jest.advanceTimersByTimeAsync(899);
    await jest.advanceTimersToNextTimerAsync();
    expect(await eachTurn(() => outcomes.queued)).toEqual(TURNS);
    impatient.close();
    expect(outcomes).toEqual({ queued: COUNT, sent: COUNT, expired: COUNT });
  });
});
