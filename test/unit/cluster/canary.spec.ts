import { describe, expect, it } from '@jest/globals';
import { Canary } from '../../../src/cluster/canary.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

class CountingPubSub extends InMemoryPubSub {
  reconnects = 0;

  reconnect(): void {
    this.reconnects++;
  }
}

describe('the canary', () => {
  it('starts afresh with each new connection: heartbeats missing on the old one do not count', () => {
    const pubSub = new CountingPubSub();
    const canary = new Canary(pubSub, new Reporter(new MemoryLogger()));
    let beat = 0;
    const interval = (listening: boolean): number => {
      canary.check(listening);
      if (listening) canary.sent(++beat);
      return pubSub.reconnects;
    };

    interval(true);
    interval(true);
    // The connection is lost and replaced.
    interval(false);
    expect([interval(true), interval(true)]).toEqual([0, 0]);
    expect(interval(true)).toBe(1);
    expect([interval(true), interval(true)]).toEqual([1, 2]);
    canary.heard(beat);
    expect([interval(true), interval(true)]).toEqual([2, 2]);
  });
});
