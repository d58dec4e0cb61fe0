import { describe, expect, it } from '@jest/globals';
import { InMemoryBus, InMemoryPubSub, pubSubConformance } from '../../src/testing/index.js';

describe('InMemoryPubSub, as a PubSub,', () => {
  const bus = new InMemoryBus();
  for (const { title, run } of pubSubConformance({ create: () => new InMemoryPubSub(bus) })) {
    it(`conforms: ${title}`, async () => {
      await expect(run()).resolves.toBeUndefined();
    });
  }
});
