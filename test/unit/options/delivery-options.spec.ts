import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolve = (options: unknown) => resolveOptions(options as object, new MemoryLogger());

describe('the options outbox, repair and coalesceWrites', () => {
  it('have defaults, each option separately', () => {
    const { outbox, repair } = resolve({ outbox: { maxEvents: 1 }, repair: { maxAgeMs: 1 } });
    expect(outbox).toEqual({ maxEvents: 1, maxBytes: 16_777_216, maxAgeMs: 30_000 });
    expect(repair).toEqual({ maxBytes: 16_777_216, maxAgeMs: 1, maxLeftBytes: 1_048_576 });
  });

  it('can be switched off', () => {
    const { outbox, repair, coalesceWrites } = resolve({
      outbox: false,
      repair: false,
      coalesceWrites: false,
    });
    expect([outbox, repair, coalesceWrites]).toEqual([undefined, undefined, false]);
  });

  it.each<[unknown, string]>([
    [{ outbox: true }, 'Write { maxEvents, maxBytes, maxAgeMs }, or false for none.'],
    [{ outbox: { maxEvents: 0 } }, 'outbox.maxEvents'],
    [{ outbox: { maxBytes: 1_023 } }, 'outbox.maxBytes'],
    [{ outbox: { maxBytes: 4_096 * 1_048_576 + 1 } }, 'outbox.maxBytes'],
    [{ outbox: { maxAgeMs: 3_600_001 } }, 'outbox.maxAgeMs'],
    [{ outbox: { size: 1 } }, 'outbox.size'],
    [{ repair: null }, 'Write { maxBytes, maxAgeMs, maxLeftBytes }, or false for none.'],
    [{ repair: { maxBytes: '16mb' } }, 'repair.maxBytes'],
    [{ repair: { maxAgeMs: 0 } }, 'repair.maxAgeMs'],
    [{ repair: { maxEvents: 1 } }, 'repair.maxEvents'],
    [{ coalesceWrites: 'no' }, 'coalesceWrites'],
    [{ recovery: true }, 'Write { maxDisconnectionMs, maxBytes, persist }, or false.'],
    [{ recovery: { persist: 'yes' } }, 'recovery.persist'],
  ])('%j stops the start', (options, says) => {
    expect(() => resolve(options)).toThrow(says);
  });

  it('recovery.persist needs Redis, except in the tests of an app', () => {
    const persistent = { recovery: { persist: true } };
    const pubSub = new InMemoryPubSub();
    expect(() => resolve({ ...persistent, pubSub })).toThrow('a "pubSub" of the app beside it');
    const logger = new MemoryLogger();
    expect(resolveOptions(persistent, logger, { pubSub }).recovery?.persist).toBe(true);
    expect(resolve({ recovery: {} }).recovery?.persist).toBe(false);
  });
});
