import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ClusterRequests } from '../../../src/cluster/cluster-requests.js';
import { ChannelFilter } from '../../../src/repair/channel-filter.js';
import type { PulledPage } from '../../../src/repair/catch-up.js';
import { Instances } from '../../../src/repair/instances.js';
import { LaterEvents, RECORD, type Heard } from '../../../src/repair/later-events.js';
import { pageServer } from '../../../src/repair/pages.js';
import { Positions } from '../../../src/repair/positions.js';
import type { LaneHead } from '../../../src/routing/lanes.js';
import { PublishHistory } from '../../../src/routing/publish-history.js';
import { envelopeOf } from '../../support/envelope-of.js';

type State = 'alive' | 'ended' | 'lost';

const OWN = '0000000000000001';
const OTHER = '0000000000000002';
const ENDED = '0000000000000003';
const CHANNELS = new Set(['a']);

const head = (lane: number, last: number): LaneHead => ({ lane, server: 's', head: last, last });

describe('the events since another instance has ended', () => {
  let instances: Instances;
  let own: PublishHistory;
  let others: PublishHistory;
  let ownLasts: Map<number, number>;
  let otherLasts: Map<number, number>;
  let later: LaterEvents;
  let ask: (params: unknown) => unknown;
  /** The answer of the other instance to the request to write its record. */
  let isWritten: unknown;
  /** Called before each answer of the other instance. */
  let disturb: () => unknown;
  /** What an instance that has ended has left. */
  let leftPage: PulledPage | undefined;

  beforeEach(() => {
    const positions = new Positions(60_000);
    instances = new Instances(positions, { report: () => undefined });
    own = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 60_000 });
    others = new PublishHistory({ maxBytes: 1_000_000, maxAgeMs: 60_000 });
    ownLasts = new Map();
    otherLasts = new Map();
    const answer = pageServer({
      maxMessageBytes: 1_000_000,
      after: (question) => others.after(question, otherLasts),
      forgotten: () => others.forgotten,
    });
    disturb = () => undefined;
    leftPage = undefined;
    const context = { timeoutMs: 1_000, push: () => Promise.resolve(true), origin: OWN };
    ask = (params) => answer(params, context);
    const request = async ({
      operation,
      params,
      onPart,
    }: Parameters<ClusterRequests['request']>[0]) => {
      disturb();
      onPart?.(OTHER, operation === RECORD ? isWritten : answer(params, context));
      return { complete: true };
    };
    isWritten = true;
    later = new LaterEvents({
      positions,
      instances,
      membership: {
        self: { instanceId: OWN } as never,
        recordsData: 'data',
        withoutLanes: () => [],
        beatNow: () => Promise.resolve(),
      },
      publisher: {
        heads: () => [],
        after: (question) => own.after(question, ownLasts),
      },
      requests: { request: request as never },
      left: { read: () => Promise.resolve(leftPage) },
      timeoutMs: 1_000,
    });
  });

  const publish = (by: typeof OWN | typeof OTHER, lane: number, number: number): void => {
    const [history, lasts] = by === OWN ? [own, ownLasts] : [others, otherLasts];
    history.taken(history.add('a', envelopeOf(by, number), number, lane, number));
    lasts.set(lane, number);
  };

  const other = (state: State, lanes: LaneHead[], isFirst = true): void =>
    instances.read([{ instanceId: OTHER, state, version: 1, description: { lanes } as never }], {
      isFirst,
    });

  const since = async (...origins: Heard['origins']): Promise<number[] | undefined> => {
    const heard: Heard = {
      at: Date.now(),
      data: 'data',
      origins: [[ENDED, false, []], ...origins],
    };
    return (await later.since(heard, CHANNELS))?.map(({ sequence }) => sequence);
  };

  it('are those of this instance that the other one had not heard', async () => {
    for (const number of [1, 2, 3]) publish(OWN, 1, number);
    expect(await since()).toEqual([1, 2, 3]);
    expect(await since([OWN, false, [[1, 2]]])).toEqual([3]);
    own.shrink(0);
    expect(await since([OWN, false, [[1, 3]]])).toEqual([]);
    expect(await since([OWN, false, [[1, 2]]])).toBeUndefined();
  });

  it('are those of all pages, also if another question comes in between', async () => {
    const large = envelopeOf(OTHER, 1, 'x'.repeat(100_000));
    for (let number = 1; number <= 6; number++) {
      others.taken(others.add('a', large, number, 1, number));
    }
    otherLasts.set(1, 6);
    other('alive', [head(1, 6)]);
    // The repair of the same instance wants other channels, and each instance remembers those of the last question.
    disturb = () => ask({ from: [], scope: 1, ...ChannelFilter.of(['b'], () => true).encode() });
    expect(await since()).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it.each([OWN, OTHER] as const)(
    'are not certain if %s has left a lane on which it keeps none',
    async (by) => {
      publish(by, 1, 1);
      (by === OWN ? own : others).shrink(0);
      // The lane is listed no more.
      (by === OWN ? ownLasts : otherLasts).delete(1);
      publish(by, 2, 1);
      if (by === OTHER) other('alive', [head(2, 1)]);
      expect(await since()).toBeUndefined();
      expect(await since([by, false, []])).toBeUndefined();
      expect(await since([by, false, [[1, 1]]])).toEqual([1]);
      expect(await since([by, false, [[2, 0]]])).toEqual([1]);
    },
  );

  it.each<[string, LaneHead[], [number, number][], boolean]>([
    ['nothing', [], [], true],
    ['nothing since', [head(1, 5)], [[1, 5]], true],
    ['an event since', [head(1, 6)], [[1, 5]], false],
    ['an event on a new lane', [head(1, 5), head(2, 1)], [[1, 5]], false],
    ['something on a lane that its record lists no more', [head(2, 0)], [[1, 5]], false],
    ['something on a first lane that its record lists no more', [head(2, 0)], [], false],
    ['something on a lane in between', [head(1, 5), head(3, 0)], [[1, 5]], false],
    ['nothing since on its later lane', [head(2, 5)], [[2, 5]], true],
  ])(
    'of an instance that has ended and left nothing are certain if it has published %s',
    async (_, lanes, positions, isCertain) => {
      other('ended', lanes);
      expect(await since([OTHER, false, positions])).toEqual(isCertain ? [] : undefined);
    },
  );

  it('are not looked for without end if a page that was left names itself as the next one', async () => {
    other('ended', [head(1, 5)]);
    leftPage = {
      arrivals: [],
      upTo: new Map(),
      cursor: 0,
      forgotten: undefined,
      forgottenAgeMs: 0,
    } as unknown as PulledPage;
    await expect(since([OTHER, false, []])).rejects.toThrow(TypeError);
  });

  it('are not certain if an instance that was lost has come back since, and is lost again', async () => {
    other('lost', [head(1, 5)]);
    expect(await since([OTHER, true, [[1, 5]]])).toEqual([]);
    expect(await since([OTHER, false, [[1, 5]]])).toBeUndefined();
    other('alive', [head(1, 6)], false);
    other('lost', [head(1, 6)], false);
    expect(await since([OTHER, true, [[1, 5]]])).toBeUndefined();
  });

  it('are not certain if an instance that was lost has come back: clients may have had its events before', async () => {
    publish(OTHER, 1, 5);
    other('alive', [head(1, 5)]);
    expect(await since([OTHER, true, [[1, 5]]])).toEqual([]);
    publish(OTHER, 1, 6);
    expect(await since([OTHER, false, [[1, 5]]])).toEqual([6]);
    expect(await since([OTHER, true, [[1, 5]]])).toBeUndefined();
  });

  it('count those that a lost instance had announced as heard: they are known to be missing', async () => {
    other('alive', [head(1, 5)]);
    other('lost', [{ ...head(1, 7), head: 5 }], false);
    expect(later.heard()?.origins).toContainEqual([OTHER, true, [[1, 7]]]);
  });

  it.each<[string, State, State, unknown, boolean]>([
    ['has written its record', 'alive', 'alive', true, true],
    ['has ended since', 'alive', 'ended', undefined, true],
    ['had ended before', 'ended', 'ended', undefined, true],
    ['cannot write its record', 'alive', 'alive', false, false],
    ['does not reply, and may have sent something', 'alive', 'alive', undefined, false],
  ])(
    'begin now, unless that is not certain: the other instance %s',
    async (_, state, then, reply, isKnown) => {
      other(state, [head(1, 5)]);
      isWritten = reply;
      disturb = () => other(then, [head(1, 6)], false);
      expect(await later.refreshAll(120)).toBe(isKnown);
    },
  );
});
