import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { Outside } from '../support/outside.js';
import { until } from '../support/until.js';
import type { Census } from './app/census.js';
import { Load } from './support/load.js';
import { TestProcess } from './support/test-process.js';

// Everything comes and goes in four equal rounds. The first one warms up: code is compiled, buffers get their size.
const ROUNDS = 4;
const BATCHES_PER_ROUND = 10;

/**
 * Bytes per connection that the heap may have grown by, on average: what V8 keeps of its own varies by that much. A
 * socket that is held by mistake takes a hundred times as much, an entry of a map about as much.
 */
const TOLERANCE = 100;

interface Everything {
  readonly channels: readonly string[];
  readonly instances: readonly Census[];
}

describe('after 10,000 connections, 1,000 rooms and 200 namespaces', () => {
  let app: TestProcess;
  let outside: Outside;
  let load: Load;
  let prefix: string;
  let empty: Everything;
  let before: Everything;
  let after: Everything;
  let requests = 0;
  const objects: unknown[] = [];
  const heap: number[] = [];

  const everything = async (): Promise<Everything> => ({
    channels: await outside.channels(prefix),
    instances: await app.call('census'),
  });
  /** Waits as long as is reasonable for everything to be as it was. Whether it is the tests say. */
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

  beforeAll(async () => {
    outside = new Outside();
    app = await TestProcess.start('test/leaks/app/main.ts');
    prefix = await app.call('prefix');
    load = new Load(app, await app.call('urls'));
    empty = await everything();
    await load.moveIn();
    before = await everything();
    for (let round = 0; round < ROUNDS; round++) {
      for (let batch = 0; batch < BATCHES_PER_ROUND; batch++) requests += await load.comeAndGo();
      after = await calm(before);
      heap.push(await app.call<number>('heapBytes'));
      if (round === 0 || round === ROUNDS - 1) objects.push(await app.call('heldObjects'));
    }
  }, 120_000);
  afterAll(() => {
    app.kill();
    outside.close();
  });

  it('and as many questions that nobody answered', async () => {
    expect(load.total).toEqual({ sockets: 10_000, rooms: 1_000, namespaces: 200 });
    expect(requests).toBe(1_760);
    expect(await app.call('openQuestions')).toBe(0);
  });

  it('Redis has the channels that it had', () => {
    expect(after.channels).toEqual(before.channels);
  });

  it('no client and no server has more listeners', () => {
    const listenersOf = ({ instances }: Everything) => instances.map(({ listeners }) => listeners);
    expect(listenersOf(after)).toEqual(listenersOf(before));
  });

  it('no map, set or list has grown', () => {
    const mapsOf = ({ instances }: Everything) => instances.map(({ maps }) => maps);
    expect(mapsOf(after)).toEqual(mapsOf(before));
  });

  it('the sockets that stayed wait for no acknowledgement', () => {
    const socketsOf = ({ instances }: Everything) => instances.map(({ sockets }) => sockets);
    expect(socketsOf(after)).toEqual(socketsOf(before));
  });

  it('no socket, namespace or question is held in memory', () => {
    const [warm, now] = objects;
    expect(now).toEqual(warm);
  });

  it('the heap is what it was', () => {
    console.log(heap);
    const [warm = 0] = heap;
    const growth = (heap.at(-1) ?? Infinity) - warm;
    const connections = (load.total.sockets * (ROUNDS - 1)) / ROUNDS;
    expect(growth / connections).toBeLessThan(TOLERANCE);
  });

  it('nothing is left but the channels of the instances when those who stayed go as well', async () => {
    await load.moveOut();
    const now = await calm(empty);
    console.log(now.channels, JSON.stringify(before.instances[0], null, 1), requests);
    expect(now).toEqual(empty);
  });
});
