import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  defineEvents,
  DiagnosticsService,
  PropagatorHealthIndicator,
  typed,
  type EventContract,
} from '../../src/index.js';
import { contractHash } from '../../src/contract/contract-hash.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const older = defineEvents({ said: { data: z.object({ id: z.number() }) } });
const newer = defineEvents({ said: { data: z.object({ id: z.string() }) } });

describe('the hash of a contract', () => {
  it('differs with events and schemas, and not with their order', () => {
    const hashes = [
      older,
      newer,
      defineEvents({ said: { data: typed<number>() } }),
      defineEvents({ said: {}, more: {} }),
      defineEvents({ '/': { said: {}, more: {} } }),
      defineEvents({ said: {} }, { client: { more: {} } }),
      defineEvents({ said: { volatile: true } }),
    ].map((contract: EventContract) => contractHash(contract));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes[0]).toMatch(/^[0-9a-f]{12}$/);
    expect(contractHash(defineEvents({ more: {}, said: {} }))).toBe(hashes[3]);
    expect(contractHash(defineEvents<{ said: () => void }>())).toBeUndefined();
  });
});

describe('a cluster', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (...contracts: (EventContract | undefined)[]): Promise<void> => {
    cluster = await givenCluster()
      .of(contracts.length)
      .configured((index) => ({ contract: contracts[index], heartbeatIntervalMs: 50 }))
      .start();
    await until(
      () =>
        cluster.instances.every(
          ({ app }) =>
            app.get(DiagnosticsService).diagnostics().members.length === contracts.length,
        ),
      () => 'the instances to know each other',
    );
  };
  const seen = (index: number) => {
    const { app } = cluster.instance(index);
    return {
      diagnostics: app.get(DiagnosticsService).diagnostics().contracts,
      health: app.get(PropagatorHealthIndicator).isHealthy().propagator.contracts,
    };
  };

  it('of two contracts is named in log, health and diagnostics, once on each instance', async () => {
    await start(older, newer, newer);
    const [a, b] = [contractHash(older), contractHash(newer)];
    expect(seen(0)).toEqual({ diagnostics: [a, b], health: [a, b] });
    expect(seen(1)).toEqual({ diagnostics: [b, a], health: [b, a] });
    const lines = cluster.logger.matching(/contract\.differs/);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain(String(a));
    expect(lines[0]).toContain(String(b));
    expect(cluster.instances.map(({ counts }) => counts['contract.differs'])).toEqual([1, 1, 1]);
  });

  it('of one contract, and of instances without one, is not', async () => {
    await start(older, older, undefined);
    expect(seen(0)).toEqual({ diagnostics: [contractHash(older)], health: undefined });
    expect(seen(2)).toEqual({ diagnostics: [contractHash(older)], health: undefined });
    expect(cluster.logger.matching(/contract\.differs/)).toEqual([]);
  });
});
