import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ClusterChange } from '../../../src/cluster/members.js';
import { RecentDepartures } from '../../../src/repair/recent-departures.js';

const OPTIONS = { heartbeatIntervalMs: 1_000, memberTimeoutMs: 5_000 };

describe('instances that left a moment ago', () => {
  let departures: RecentDepartures;

  beforeEach(() => {
    jest.useFakeTimers();
    departures = new RecentDepartures(OPTIONS);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const changed = (type: ClusterChange['type'], instanceId: string): void => {
    const member = { instanceId, host: 'test', pid: 1, startedAt: 0, sockets: 0, users: 0 };
    departures.changed({ type, member });
  };

  it.each<[ClusterChange['type'], number, boolean, boolean]>([
    // How it left, ms since then, whether nothing was lost, whether the outage concerns it
    ['left', 0, false, true],
    ['left', 0, true, false],
    ['left', 100, false, false],
    ['lost', 0, false, true],
    ['lost', 0, true, true],
  ])(
    '%s %d ms before the outage, nothing lost: %s; concerned: %s',
    (type, ago, nothingLost, concerned) => {
      changed(type, 'a');
      // A lost instance was alive until its last heartbeat, at most one interval after the one that was heard.
      const left = performance.now() - (type === 'lost' ? 4_000 : 0);
      expect(departures.takeSince(left + ago, nothingLost)).toEqual(concerned ? ['a'] : []);
    },
  );

  it('are taken once', () => {
    changed('left', 'a');
    changed('lost', 'b');
    expect(departures.takeSince(performance.now() - 10_000, false)).toEqual(['a', 'b']);
    expect(departures.takeSince(performance.now() - 10_000, false)).toEqual([]);
  });

  it('do not count when they are back', () => {
    changed('lost', 'a');
    changed('joined', 'a');
    expect(departures.takeSince(0, false)).toEqual([]);
  });

  it('are forgotten after a minute', () => {
    const since = performance.now();
    changed('left', 'a');
    jest.advanceTimersByTime(61_000);
    changed('left', 'b');
    expect(departures.takeSince(since, false)).toEqual(['b']);
  });
});
