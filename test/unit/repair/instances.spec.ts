import { describe, expect, it } from '@jest/globals';
import type { KnownInstance } from '../../../src/cluster/members.js';
import { Instances } from '../../../src/repair/instances.js';
import { Positions } from '../../../src/repair/positions.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

function givenInstances() {
  const positions = new Positions(60_000);
  const reporter = new Reporter(new MemoryLogger());
  return { positions, reporter, instances: new Instances(positions, reporter) };
}

function instance(
  index: number,
  state: KnownInstance['state'],
  { lanes = 1 }: { readonly lanes?: number } = {},
): KnownInstance {
  const heads = Array.from({ length: lanes }, (_, i) => {
    return { lane: i + 1, server: 'x', head: 1, last: 1 };
  });
  const description = {
    reads: [1, 2],
    host: 'x',
    pid: 1,
    startedAt: 1,
    sockets: 0,
    users: 0,
    sequence: 1,
    lanes: heads,
  };
  return { instanceId: index.toString(16).padStart(16, '0'), state, version: 1, description };
}

const idOf = (index: number): string => index.toString(16).padStart(16, '0');

describe('instances that have ended', () => {
  it('are kept, up to 8,192 of them: the first ones are forgotten, and that is counted', () => {
    const { instances, positions, reporter } = givenInstances();
    for (let i = 0; i < 10_000; i++) {
      instances.read([instance(i, 'alive')], { isFirst: false });
      instances.read([instance(i, 'ended')], { isFirst: false });
    }
    expect(instances.forgetGone()).toEqual(
      Array.from({ length: 10_000 - 8_192 }, (_, i) => idOf(i)),
    );
    expect([...positions.origins]).toHaveLength(8_192);
    expect(instances.stateOf(idOf(0))).toBeUndefined();
    expect(instances.stateOf(idOf(9_999))).toBe('ended');
    expect(reporter.counts()).toEqual({ 'member.too-many': 10_000 - 8_192 });
    expect(instances.forgetGone()).toEqual([]);
  });

  it('are forgotten early also where they had very many lanes', () => {
    const { instances } = givenInstances();
    for (let i = 0; i < 130; i++) {
      instances.read([instance(i, 'lost', { lanes: 1_024 })], { isFirst: false });
    }
    expect(instances.forgetGone()).toEqual([idOf(0), idOf(1)]);
  });

  it('and are back are not forgotten', () => {
    const { instances, reporter } = givenInstances();
    for (let i = 0; i < 200; i++) {
      instances.read([instance(i, 'lost', { lanes: 1_024 })], { isFirst: false });
      instances.read([instance(i, 'alive', { lanes: 1_024 })], { isFirst: false });
    }
    expect(instances.forgetGone()).toEqual([]);
    expect(reporter.counts()).toEqual({});
  });
});
