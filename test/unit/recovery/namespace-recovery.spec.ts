import { expect, it, jest } from '@jest/globals';
import type { Socket } from 'socket.io';
import { NamespaceRecovery } from '../../../src/recovery/namespace-recovery.js';
import { Sessions } from '../../../src/recovery/sessions.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { pidOf } from '../../../src/socket-io/internals.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { certainProofs, recoveringNamespace } from '../../support/recovering-namespace.js';

/** A namespace, and a client that comes back to it for a session of another instance. */
function given(readyState: 'open' | 'closed') {
  const reporter = new Reporter(new MemoryLogger());
  const options = { maxBytes: 1_000_000, maxDisconnectionMs: 3_600_000, persist: false };
  const sessions = new Sessions('0123456789abcdef', options, reporter);
  let isTaken = false;
  const scope = sessions.nextScope();
  const recovery = new NamespaceRecovery(scope, recoveringNamespace, {
    reporter,
    sessions,
    timeoutMs: 1_000,
    left: undefined,
    later: () => Promise.resolve(undefined),
    proofs: certainProofs,
    handOver: {
      find: () =>
        Promise.resolve(
          isTaken ? 'unknown-session' : { holder: 'fedcba9876543210', sid: 'sid', rooms: [] },
        ),
      take: () => {
        isTaken = true;
        const rest = { data: {}, custom: false, base: '', upTo: '', events: [] };
        return Promise.resolve({ rooms: [], ...rest });
      },
    },
  });
  sessions.scopes.set(scope, recovery);
  const comeBack = async () => {
    const pid = sessions.newPid();
    const found = await recovery.find(pid, '');
    const { sid: id, data } = found as { sid: string; data: object };
    const client = { conn: { readyState } };
    const socket = { id, pid, data, nsp: {}, client } as unknown as Socket;
    recovery.arrived(socket);
    await recovery.take(socket, null);
    return { isNew: socket.id === id && pidOf(socket) !== pid };
  };
  return { sessions, comeBack };
}

it('gives a client a new connection at once if its session makes room for others before the client has it', async () => {
  const { sessions, comeBack } = given('open');
  const { keepAway } = sessions;
  jest.spyOn(sessions, 'keepAway').mockImplementation((session, release) => {
    keepAway.call(sessions, session, release);
    // As when another session that comes at the same moment has too many rooms.
    sessions.end(session);
  });

  expect(await comeBack()).toEqual({ isNew: true });
  expect(Object.fromEntries(sessions.counts.failures)).toEqual({ 'unknown-session': 1 });
  sessions.close();
});

it('does not count a client that has left before it has its session: it comes once more', async () => {
  const { sessions, comeBack } = given('closed');

  expect(await comeBack()).toEqual({ isNew: true });
  expect(sessions.counts.failures.size).toBe(0);
  sessions.close();
});
