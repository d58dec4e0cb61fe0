import { afterEach, describe, expect, it } from '@jest/globals';
import { Inject, Injectable } from '@nestjs/common';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { blocksIn } from '../../scripts/docs-check/code.mjs';
import { page } from '../../scripts/docs-check/pages.mjs';
import { REDIS_PUBLISHER_CLIENT, RedisPropagatorService } from '../../src/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@Injectable()
class PriceTicker {
  constructor(
    @Inject(REDIS_PUBLISHER_CLIENT) private readonly redis: Redis,
    private readonly propagator: RedisPropagatorService,
  ) {}

  /** The scheduler of every instance calls it, once a minute. */
  async everyMinute(now = Date.now()): Promise<void> {
    const minute = Math.round(now / 60_000);
    const lock = await this.redis.set(`my-app:ticker:${minute}`, '1', 'PX', 300_000, 'NX');
    if (lock === null) return; // another instance sends the event of this minute
    await this.propagator.emitToAll({ event: 'minute', data: minute });
  }
}

describe('the cron job of docs/recipes.md', () => {
  let cluster: TestCluster | undefined;
  afterEach(() => cluster?.close());

  it('is the class above', () => {
    const source = readFileSync('test/docs/recipes.spec.ts', 'utf8');
    const recipe = blocksIn([page('docs/recipes.md')], 'ts').find(({ code }) =>
      code.includes('class PriceTicker'),
    );
    const [, body = 'missing'] = recipe?.code.split('export class') ?? [];
    expect(source).toContain(body);
  });

  it('emits once in each minute, on whichever instance', async () => {
    cluster = await givenCluster().of(3).with(PlainGateway, PriceTicker).start();
    const clients = await Promise.all(cluster.instances.map((instance) => instance.connect()));
    const start = randomInt(2 ** 40) * 60_000;

    // The clocks of the instances differ by some seconds.
    const run = (now: number) =>
      cluster?.instances.map(({ app }, index) =>
        app.get(PriceTicker).everyMinute(now + (index - 1) * 5_000),
      ) ?? [];
    await Promise.all(run(start));
    await Promise.all(run(start + 60_000));

    await cluster.settled(...clients);
    const minute = start / 60_000;
    for (const { received } of clients) {
      expect(received).toHaveLength(2);
      expect(new Set(received.map(({ args }) => args[0]))).toEqual(new Set([minute, minute + 1]));
    }
  });
});
