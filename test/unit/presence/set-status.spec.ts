import { beforeEach, describe, expect, it } from '@jest/globals';
import { PropagatorError } from '../../../src/errors.js';
import type { PresenceStore } from '../../../src/presence/store/presence-store.js';
import type { PresenceTracker } from '../../../src/presence/tracker/presence-tracker.js';
import { PresenceService } from '../../../src/presence/presence.service.js';
import type { PresenceWatch } from '../../../src/presence/presence-watch.js';
import { SocketStateService } from '../../../src/auth/socket-state.service.js';

const AWAY = PropagatorError.of('redis.unavailable', ['a test']);
const SILENT = PropagatorError.of('redis.timeout', ['EVALSHA', 1]);

/** A store that already has every status. */
class KnowingStore {
  connection = 0;
  failure: PropagatorError | undefined;
  /** The next call loses the connection. */
  breaks = false;

  async setStatus() {
    if (this.breaks) this.connection++;
    if (this.failure !== undefined) throw this.failure;
    return { online: true, change: undefined };
  }
}

describe('a status that the store already has', () => {
  let store: KnowingStore;
  let service: PresenceService;
  let told: unknown[];
  beforeEach(() => {
    store = new KnowingStore();
    told = [];
    const tracker = {
      owner: 'a.0',
      reportStatus: (...status: unknown[]) => told.push(status),
    } as unknown as PresenceTracker;
    const parts = {
      store: store as unknown as PresenceStore,
      tracker,
      watch: {} as PresenceWatch,
      readiness: { hasBegun: true },
    };
    service = new PresenceService(parts, new SocketStateService());
  });

  const fails = async (userId: string, failure: PropagatorError, breaks = false): Promise<void> => {
    Object.assign(store, { failure, breaks });
    await expect(service.setStatus(userId, 'away')).rejects.toBe(failure);
    Object.assign(store, { failure: undefined, breaks: false });
  };

  it('is reported if an unanswered call may have set it', async () => {
    await fails('alice', SILENT);
    await fails('bob', AWAY, true);
    for (const userId of ['alice', 'bob', 'alice', 'bob']) await service.setStatus(userId, 'away');
    expect(told).toEqual([
      ['alice', 'away'],
      ['bob', 'away'],
    ]);
  });

  it('is not a change if nothing was sent before, nor if another status was sent', async () => {
    await fails('alice', AWAY);
    await service.setStatus('alice', 'away');
    await fails('bob', SILENT);
    await service.setStatus('bob', 'busy');
    await service.setStatus('bob', 'away');
    await service.setStatus('carol', 'away');
    expect(told).toEqual([]);
  });

  it('is remembered only for a limited number of users, the latest ones', async () => {
    for (let n = 0; n <= 1_000; n++) await fails(`user-${n}`, SILENT);
    for (const n of [0, 1, 1_000]) await service.setStatus(`user-${n}`, 'away');
    expect(told).toEqual([
      ['user-1', 'away'],
      ['user-1000', 'away'],
    ]);
  });
});
