import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { REDIS_PUBLISHER_CLIENT, type RedisClient } from '../../src/index.js';
import { WriteCoalescer } from '../../src/socket-io/connections/write-coalescer.js';
import { table, unquoted } from '../support/markdown-table.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const { stackTraceLimit } = Error;

/** The files of the library's functions that have led to this call, the first one first. */
function callers(): string[] {
  const frames = (new Error('of a test').stack ?? '').split('\n');
  return (
    frames
      // The function that a promise is created with is part of its caller.
      .filter((_, index) => frames[index + 1]?.includes('at new Promise') !== true)
      .flatMap((frame) => /\/src\/(.+?\.ts):/.exec(frame)?.[1] ?? [])
      .toReversed()
  );
}

/** The column of files in a table of the page. */
const listed = (firstColumn: string): string[] =>
  table(PAGE, firstColumn).map(({ File }) => unquoted(File));

describe('the journey of an event in docs/architecture.md', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    Error.stackTraceLimit = 100;
    cluster = await givenCluster().of(2).with(PlainGateway).start();
  });
  afterEach(async () => {
    Error.stackTraceLimit = stackTraceLimit;
    jest.restoreAllMocks();
    await cluster.close();
  });

  it('lists each call from a verb to ioredis, and from ioredis to the connection', async () => {
    const [here, there] = [cluster.instance(0), cluster.instance(1)];
    const client = await there.connect({ token: 'alice' });
    const calls = { out: [] as string[], in: [] as string[] };
    const publisher = here.app.get<RedisClient>(REDIS_PUBLISHER_CLIENT);
    const { publish } = publisher;
    jest.spyOn(publisher, 'publish').mockImplementation((channel, message) => {
      if (channel.endsWith(':user:alice')) calls.out = callers();
      return publish.call(publisher, channel, message);
    });
    const { add } = WriteCoalescer.prototype;
    jest.spyOn(WriteCoalescer.prototype, 'add').mockImplementation(function (
      this: WriteCoalescer,
      ...args
    ) {
      calls.in = [...callers(), 'socket-io/connections/write-coalescer.ts'];
      add.apply(this, args);
    });
    await here.propagator.emitToUser({ userId: 'alice', event: 'tick' });
    await client.waitFor('tick');
    expect(calls.out).toEqual(listed('From the verb to Redis'));
    expect(calls.in).toEqual(listed('From Redis to the socket'));
  });
});
