import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { ExternalClient } from '../support/external-client.js';
import { until } from '../support/until.js';
import type { Census } from './app/census.js';
import type { Sizes } from './app/sizes.js';
import { Load } from './support/load.js';
import { TestProcess } from './support/test-process.js';

// Everything is connected and disconnected in four equal rounds. The first one is a warm-up: code is compiled,
// buffers get their size.
const ROUNDS = 4;
const BATCHES_PER_ROUND = 10;
/** The number of equal censuses in a row that a result needs. */
const STEADY = 20;

/**
 * Allowed average growth of the heap per connection, in bytes: V8's own data and bounded lists vary by up to half
 * as much. A leaked socket takes a hundred times as much.
 */
const TOLERANCE = 200;

interface Everything {
  readonly channels: readonly string[];
  readonly instances: readonly Census[];
}

/** A renamed list must not disappear from the test. */
const MAPS = [
  'namespaces.byName',
  'channels.holds',
  'memberships.members',
  'state.sockets',
  'state.sockets[]',
  'requests.pending',
  'sharedChannels.channels',
  'presence.watches',
  'presence.dirty',
  'presence.users.buckets',
  'subscribers.events.connection.channels.wanted',
  'sessions.byPid',
  'sessions.scopes',
  'sessions.away',
  'sessions.underway',
  'sessions.carrying',
  'sessions.carried',
  'recovery.sessions',
  'recovery.takers',
  'recovery.held',
  'recovery.incoming.expected',
  'left.cached',
];

function each(everything: Everything, what: keyof Census): Sizes[] {
  return everything.instances.map((census) => census[what]);
}

describe('after 10,000 connections, 1,000 rooms and 200 namespaces', () => {
  let app: TestProcess;
  let external: ExternalClient;
  let load: Load;
  let prefix: string;
  let empty: Everything;
  let before: Everything;
  let after: Everything;
  let requests = 0;
  let objectsBefore: unknown;
  const heap: number[] = [];

  const everything = async (): Promise<Everything> => ({
    channels: await external.channels(prefix),
    instances: await app.call('census'),
  });
  /** Waits, within reason, until everything is as before. The tests decide whether it is. */
  const calm = async (expected: Everything): Promise<Everything> => {
    let now = await everything();
    await until(
      async () => {
        now = await everything();
        return isDeepStrictEqual(now, expected) && (await app.call('openQuestions')) === 0;
      },
      () => 'everything to be as it was',
    ).catch(() => undefined);
    return now;
  };

  /** Waits until nothing is in progress any more, such as an update of presence. */
  const steady = async (): Promise<Everything> => {
    let last = await everything();
    let same = 0;
    await until(
      async () => {
        const now = await everything();
        same = isDeepStrictEqual(now, last) ? same + 1 : 0;
        last = now;
        return same === STEADY;
      },
      () => 'nothing to be under way',
    );
    return last;
  };

  beforeAll(async () => {
    external = new ExternalClient();
    app = await TestProcess.start('test/leaks/app/main.ts');
    prefix = await app.call('prefix');
    load = new Load(app, await app.call('urls'));
    empty = await steady();
    await load.moveIn();
    before = await steady();
    objectsBefore = await app.call('heldObjects');
    for (let round = 0; round < ROUNDS; round++) {
      for (let batch = 0; batch < BATCHES_PER_ROUND; batch++) requests += await load.comeAndGo();
      after = await calm(before);
      heap.push(await app.call<number>('heapBytes'));
    }
  }, 400_000);
  afterAll(() => {
    app.kill();
    external.close();
  });

  it('and as many unanswered requests', async () => {
    expect(load.total).toEqual({ sockets: 10_000, rooms: 1_000, namespaces: 200 });
    // Eleven of each instance to a batch of their own and to the residents.
    expect(requests).toBe(ROUNDS * BATCHES_PER_ROUND * 2 * 2 * 11);
    expect(await app.call('openQuestions')).toBe(0);
  });

  it('Redis has the same channels as before', () => {
    expect(after.channels).toEqual(before.channels);
  });

  it('no client and no server has more listeners', () => {
    expect(each(after, 'listeners')).toEqual(each(before, 'listeners'));
  });

  it('no map, set or list has grown', () => {
    for (const maps of each(before, 'maps')) {
      const paths = Object.keys(maps);
      // An object is found by whichever path leads to it first.
      const missing = MAPS.filter((name) => !paths.some((path) => path.endsWith(`.${name}`)));
      expect(missing).toEqual([]);
    }
    expect(each(after, 'maps')).toEqual(each(before, 'maps'));
  });

  it('the sockets that stayed wait for no acknowledgement', () => {
    expect(each(after, 'sockets')).toEqual(each(before, 'sockets'));
  });

  it('no socket, namespace or request is held in memory', async () => {
    expect(await app.call('heldObjects')).toEqual(objectsBefore);
  });

  it('the heap has its previous size', () => {
    const [warm = 0] = heap;
    const growth = (heap.at(-1) ?? Infinity) - warm;
    const connections = (load.total.sockets * (ROUNDS - 1)) / ROUNDS;
    expect(growth / connections).toBeLessThan(TOLERANCE);
  });

  it('only the channels of the instances remain when the residents leave as well', async () => {
    await load.moveOut();
    const now = await calm(empty);
    expect(now).toEqual(empty);
  });
});
