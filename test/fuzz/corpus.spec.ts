import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { givenTarget, type Target } from './support/target.js';

interface Input {
  readonly about: string;
  readonly to: keyof Target['channels'];
  /** The counters of the instance. */
  readonly counts: Record<string, number>;
  /** The number of namespaces that get a delivery. */
  readonly delivered: number;
  readonly bytes: string | { readonly hex: string };
}

const DIRECTORY = 'test/fuzz/corpus';
const inputs = readdirSync(DIRECTORY).map(
  (file) => [file, JSON.parse(readFileSync(`${DIRECTORY}/${file}`, 'utf8')) as Input] as const,
);

describe('inputs of the corpus', () => {
  it.each(inputs)('%s', async (_, { to, counts, delivered, bytes }) => {
    const target = await givenTarget();
    try {
      const input = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.hex, 'hex');
      target.wire.arrive(target.channels[to], input);
      // A reply, and the effect of its failure, take a few turns.
      for (let i = 0; i < 10; i++) await turn();

      expect(target.runtime.reporter.counts()).toEqual(counts);
      expect(target.delivered).toHaveLength(delivered);
      expect(target.heard).toEqual([]);
      expect(target.runtime.cluster.members()).toHaveLength(1);
    } finally {
      await target.close();
    }
  });
});
