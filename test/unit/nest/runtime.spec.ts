import { describe, expect, it, jest } from '@jest/globals';
import { createRuntime } from '../../../src/nest/runtime.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import type { LaneHead } from '../../../src/routing/lanes.js';
import type { Target } from '../../../src/wire/channel-names.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const ALICE: Target = { kind: 'user', namespace: '/', id: 'alice' };

describe('the end of an instance', () => {
  it('counts in its last record the events that leave the outbox at the last moment', async () => {
    const pubSub = new BreakablePubSub();
    const logger = new MemoryLogger();
    const runtime = createRuntime(resolveOptions({ pubSub, logger, presence: false }, logger));
    await runtime.start();
    const { cluster, router } = runtime;
    let recorded: LaneHead[] = [];
    const stop = cluster.stop.bind(cluster);
    jest.spyOn(cluster, 'stop').mockImplementation(() => {
      recorded = router.publisher.heads();
      return stop();
    });
    pubSub.refuse();
    const sent = router.send(ALICE, { namespace: '/', data: ['late'] });
    const closed = runtime.close();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    pubSub.heal();
    await Promise.all([sent, closed]);
    expect(recorded).toMatchObject([{ head: 1, last: 1 }]);
  });
});
