import { describe, expect, it } from '@jest/globals';
import type { PresenceChange } from '../../../../src/presence/store/presence-change.js';
import { GraceSchedule } from '../../../../src/presence/tracker/grace-schedule.js';
import { presenceOptions } from '../../../support/presence/presence-options.js';

const OPTIONS = presenceOptions({
  graceMs: 100,
  leaseMs: 1_000,
  lastSeenMs: 0,
  heartbeatIntervalMs: 10,
});
const NOW = 5_000;

const CHANGE: PresenceChange = {
  type: 'online',
  userId: 'alice',
  status: null,
  at: NOW,
  instanceId: 'a',
};

interface Row {
  readonly name: string;
  readonly act: (schedule: GraceSchedule) => void;
  /** The delays until calls of `processDue`, in ms. */
  readonly calls: readonly number[];
}

/** The reply of the store to `processDue`. */
const reply = (now: number, nextAt?: number, changes: readonly PresenceChange[] = []) =>
  ({ state: 'done', now, nextAt, changes }) as const;

const create = (): { schedule: GraceSchedule; calls: number[] } => {
  const calls: number[] = [];
  const processDueIn = (ms: number): void => void calls.push(ms);
  return { schedule: new GraceSchedule({ options: OPTIONS, processDueIn }), calls };
};

describe('GraceSchedule', () => {
  it.each<Row>([
    {
      name: 'after the grace period of a user who left',
      act: (schedule) => schedule.left('alice', NOW),
      calls: [100],
    },
    {
      name: 'at the end of a tentative join',
      act: (schedule) => schedule.joinedTentatively('alice', NOW + 30, NOW),
      calls: [30],
    },
    {
      name: 'once for two tentative joins of a user',
      act: (schedule) => {
        schedule.joinedTentatively('alice', NOW + 30, NOW);
        schedule.joinedTentatively('alice', NOW + 60, NOW + 10);
      },
      calls: [30],
    },
    {
      name: 'when the next user of a dead instance is due',
      act: (schedule) => schedule.inherited(NOW + 40, NOW),
      calls: [40],
    },
    {
      name: 'when the next user is due in its own grace period',
      act: (schedule) => {
        schedule.left('alice', NOW);
        schedule.processed(reply(NOW + 20, NOW + 100), 0);
      },
      calls: [100, 80],
    },
    {
      name: 'not for a later end, which is up to another instance',
      act: (schedule) => {
        schedule.left('alice', NOW);
        schedule.processed(reply(NOW + 20, NOW + 101), 0);
      },
      calls: [100],
    },
    {
      name: 'for later ends as well within a lease after a sweep',
      act: (schedule) => {
        schedule.inherited(NOW + 40, NOW);
        schedule.processed(reply(NOW + 40, NOW + 1_100), 0);
      },
      calls: [40, 1_060],
    },
    {
      name: 'when all tentative joins end',
      act: (schedule) => schedule.processed(reply(NOW, NOW + 70), NOW + 70),
      calls: [70, 70],
    },
    {
      name: 'after the grace period of a tentative user who has left',
      act: (schedule) => schedule.processed(reply(NOW, NOW + 100, [CHANGE]), 0),
      calls: [100],
    },
    {
      name: 'not without anything due',
      act: (schedule) => schedule.processed(reply(NOW), 0),
      calls: [],
    },
    {
      name: 'not for ends from before it was cleared',
      act: (schedule) => {
        schedule.left('alice', NOW);
        schedule.clear();
        schedule.processed(reply(NOW, NOW + 100), 0);
      },
      calls: [100],
    },
  ])('has the store process due users $name', ({ act, calls: expected }) => {
    const { schedule, calls } = create();
    act(schedule);
    expect(calls).toEqual(expected);
  });

  it.each<{
    name: string;
    act?: (schedule: GraceSchedule) => void;
    now: number;
    nextAt?: number;
    settled: string[];
  }>([
    { name: 'not before the end of the grace period', now: 99, nextAt: 100, settled: [] },
    { name: 'at the end of the grace period', now: 100, nextAt: 100, settled: ['alice'] },
    { name: 'earlier if the store has no end any more', now: 50, settled: ['alice'] },
    { name: 'earlier if the store has only later ends', now: 50, nextAt: 101, settled: ['alice'] },
    {
      name: 'not after a return to this instance',
      act: (schedule) => schedule.returned('alice'),
      now: 100,
      settled: [],
    },
    {
      name: 'not after the instance was given up',
      act: (schedule) => schedule.clear(),
      now: 100,
      settled: [],
    },
  ])('settles a user who left $name', ({ act, now, nextAt, settled }) => {
    const { schedule } = create();
    schedule.left('alice', NOW);
    act?.(schedule);
    const at = nextAt === undefined ? undefined : NOW + nextAt;
    expect(schedule.takeSettled(NOW + now, at)).toEqual(settled);
    expect(schedule.takeSettled(NOW + 100)).toEqual(
      settled.length === 0 && act === undefined ? ['alice'] : [],
    );
  });

  it('starts the grace period of a tentative user after the tentative join', () => {
    const { schedule } = create();
    schedule.joinedTentatively('alice', NOW + 30, NOW);
    schedule.left('alice', NOW + 10);
    expect(schedule.takeSettled(NOW + 129, NOW)).toEqual([]);
    expect(schedule.takeSettled(NOW + 130, NOW)).toEqual(['alice']);
  });

  it('confirms a tentative user once, at the end of the tentative join', () => {
    const { schedule } = create();
    schedule.joinedTentatively('alice', NOW + 30, NOW);
    expect(schedule.takeConfirmed(NOW + 29)).toEqual([]);
    expect(schedule.takeConfirmed(NOW + 30)).toEqual(['alice']);
    expect(schedule.takeConfirmed(NOW + 30)).toEqual([]);
  });

  it('confirms no tentative user after another data loss', () => {
    const { schedule } = create();
    schedule.joinedTentatively('alice', NOW + 30, NOW);
    schedule.dropTentative();
    expect(schedule.takeConfirmed(NOW + 30)).toEqual([]);
  });
});
