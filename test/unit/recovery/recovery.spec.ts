import { expect, it } from '@jest/globals';
import { NEVER } from 'rxjs';
import type { RequestHandler } from '../../../src/cluster/cluster-requests.js';
import { Recovery } from '../../../src/recovery/recovery.js';
import { Session } from '../../../src/recovery/session.js';
import { readTransfer } from '../../../src/recovery/transfer.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { certainProofs, recoveringNamespace } from '../../support/recovering-namespace.js';

const HERE = '0123456789abcdef';
const COUNT = 500;

it('lets other work go on while it hands over many sessions', async () => {
  const handlers = new Map<string, RequestHandler>();
  const recovery = new Recovery({
    instanceId: HERE,
    options: { maxBytes: 1_000_000, maxDisconnectionMs: 60_000, persist: false },
    requestTimeoutMs: 1_000,
    maxMessageBytes: 4_194_304,
    requests: {
      handle: (operation, handler) => handlers.set(operation, handler),
      request: () => Promise.resolve({ replied: [], missing: [], complete: true }),
      answered: () => Promise.resolve(),
    },
    cluster: { otherMembers: () => [], gaps$: NEVER },
    proofs: certainProofs,
    reporter: new Reporter(new MemoryLogger()),
    left: undefined,
    hears: () => Promise.resolve(true),
    heard: () => undefined,
    told: () => undefined,
    eventsSince: () => Promise.resolve([]),
    channelsOf: () => [],
  });
  recovery.namespace(recoveringNamespace);
  const { sessions } = recovery;
  const [scope = 0] = sessions.scopes.keys();
  const items = Array.from({ length: COUNT }, () => {
    const pid = sessions.newPid();
    const start = { pid, sid: sessions.newSid(), namespace: '/', scope };
    sessions.add(new Session({ ...start, since: 0, base: '', issued: 0 }));
    return { namespace: '/', pid };
  });
  let turns = 0;
  let turn: NodeJS.Immediate;
  const other = (): void => {
    turns++;
    turn = setImmediate(other);
  };
  turn = setImmediate(other);
  const parts: unknown[] = [];
  const push = async (part: unknown): Promise<boolean> => parts.push(part) > 0;
  await handlers.get('recovery:take')?.({ items }, { origin: HERE, timeoutMs: 1_000, push });
  clearImmediate(turn);
  expect(readTransfer(parts).size).toBe(COUNT);
  expect(sessions.size).toBe(0);
  expect(turns).toBeGreaterThan(10);
  recovery.close();
});
