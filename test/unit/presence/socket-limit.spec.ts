import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import type { ClusterRequests, RequestHandler } from '../../../src/cluster/cluster-requests.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { SocketLimit } from '../../../src/presence/socket-limit.js';
import {
  InMemoryPresenceStore,
  PresenceTable,
} from '../../../src/presence/store/in-memory-presence-store.js';
import type { Lease } from '../../../src/presence/store/presence-store.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { Deferred } from '../../support/deferred.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { presenceOptions } from '../../support/presence/presence-options.js';

const OPTIONS = presenceOptions({
  graceMs: 100,
  leaseMs: 1_000,
  lastSeenMs: 0,
  heartbeatIntervalMs: 10,
});
const ALICE = { userId: 'alice', sessionId: 'one' };

type Admit = InMemoryPresenceStore['admitSocket'];

describe('SocketLimit', () => {
  let table: PresenceTable;
  let reporter: Reporter;
  let lease: Lease | undefined;
  let store: InMemoryPresenceStore;
  let evict: RequestHandler;
  /** Ids that other instances are asked to disconnect. */
  let notified: unknown[];
  let disconnected: string[];
  let limit: SocketLimit;

  const limitOf = (onTooManySockets: 'reject-new' | 'disconnect-oldest'): SocketLimit => {
    const requests = {
      handle: (_: string, handler: RequestHandler) => (evict = handler),
      notify: (_: string, params: unknown) => notified.push(params),
    } as unknown as ClusterRequests;
    const deps = { store, requests, reporter, lease: () => lease };
    return new SocketLimit({ maxSocketsPerUser: 2, onTooManySockets }, deps);
  };
  const socket = (id: string): Socket => {
    const fake = { id, connected: true, client: {}, emit: () => true };
    return Object.assign(fake, {
      disconnect: () => void disconnected.push(id),
    }) as unknown as Socket;
  };
  const counted = (): string[] =>
    (table.sockets.get('alice') ?? []).map(({ socketId }) => socketId);

  beforeEach(() => {
    table = new PresenceTable();
    reporter = new Reporter(new MemoryLogger());
    lease = { owner: 'a.0', connection: 0, until: Infinity };
    store = new InMemoryPresenceStore(table, new InMemoryPubSub(), 'app', OPTIONS);
    notified = [];
    disconnected = [];
    limit = limitOf('reject-new');
  });

  it('refuses a socket above the limit, and admits one after another has left', async () => {
    expect(await limit.admit(socket('1'), ALICE)).toBeUndefined();
    expect(await limit.admit(socket('2'), ALICE)).toBeUndefined();
    expect(await limit.admit(socket('3'), ALICE)).toMatchObject({
      data: { code: 'auth.too-many-sockets', retryAfterMs: expect.any(Number) },
    });
    expect(counted()).toEqual(['1', '2']);
    limit.left('1');
    expect(await limit.admit(socket('4'), ALICE)).toBeUndefined();
    expect(counted()).toEqual(['2', '4']);
    expect(reporter.counts()).toEqual({ 'auth.too-many-sockets': 1 });
  });

  it('disconnects the oldest sockets here, and asks other instances to disconnect theirs', async () => {
    limit = limitOf('disconnect-oldest');
    table.sockets.set('alice', [{ owner: 'b.0', socketId: 'elsewhere' }]);
    await limit.admit(socket('1'), ALICE);
    await limit.admit(socket('2'), ALICE);
    expect(notified).toEqual([{ ids: ['elsewhere'] }]);
    expect(disconnected).toEqual([]);
    await limit.admit(socket('3'), ALICE);
    expect(disconnected).toEqual(['1']);
    expect(notified).toHaveLength(1);
  });

  it('disconnects its own sockets at the request of another instance, and ignores other values', async () => {
    await limit.admit(socket('1'), ALICE);
    const context = {} as Parameters<RequestHandler>[1];
    for (const params of [undefined, null, 7, { ids: 'no' }, { ids: [7, null, 'unknown'] }]) {
      await evict(params, context);
    }
    expect(disconnected).toEqual([]);
    await evict({ ids: ['1'] }, context);
    expect(disconnected).toEqual(['1']);
  });

  it('counts its own sockets while there is no lease, and catches up afterwards', async () => {
    lease = undefined;
    await limit.admit(socket('1'), ALICE);
    await limit.admit(socket('2'), ALICE);
    expect(await limit.admit(socket('3'), ALICE)).toBeDefined();
    expect(counted()).toEqual([]);
    lease = { owner: 'a.0', connection: 0, until: Infinity };
    await limit.catchUp();
    expect(counted()).toEqual(['1', '2']);
    expect(reporter.counts()).toEqual({ 'auth.too-many-sockets': 1, 'limit.unchecked': 3 });
  });

  it('looks at the sockets of the same user only while there is no lease', async () => {
    lease = undefined;
    let looks = 0;
    for (let user = 0; user < 50; user++) {
      const other = Object.defineProperty(socket(''), 'id', {
        get: () => {
          looks++;
          return `of ${user}`;
        },
      });
      await limit.admit(other, { ...ALICE, userId: `user-${user}` });
    }
    looks = 0;
    for (const id of ['1', '2', '3']) await limit.admit(socket(id), ALICE);
    expect(looks).toBe(0);
    expect(reporter.counts()).toMatchObject({ 'auth.too-many-sockets': 1 });
  });

  it('counts its sockets again after the store has lost them', async () => {
    await limit.admit(socket('1'), ALICE);
    table.sockets.clear();
    await limit.catchUp();
    expect(counted()).toEqual([]);
    limit.forgotten();
    await limit.catchUp();
    expect(counted()).toEqual(['1']);
  });

  it('releases a socket that disconnected while the store was asked', async () => {
    const asked = new Deferred();
    const admit: Admit = store.admitSocket.bind(store);
    store.admitSocket = async (...call) => {
      await asked.promise;
      return admit(...call);
    };
    const admitted = limit.admit(socket('1'), ALICE);
    limit.left('1');
    asked.resolve();
    await admitted;
    await limit.catchUp();
    expect(counted()).toEqual([]);
  });

  it('repeats a release that failed', async () => {
    await limit.admit(socket('1'), ALICE);
    const release = store.releaseSocket.bind(store);
    store.releaseSocket = () => Promise.reject(new Error('no reply'));
    limit.left('1');
    await limit.catchUp();
    expect(counted()).toEqual(['1']);
    store.releaseSocket = release;
    await limit.catchUp();
    expect(counted()).toEqual([]);
    await limit.catchUp();
    expect(reporter.counts()).toEqual({ 'limit.unreleased': 2 });
  });

  it('releases a socket whose admission had no reply, because the store may have counted it', async () => {
    const admit: Admit = store.admitSocket.bind(store);
    store.admitSocket = async (...call) => {
      await admit(...call);
      throw new Error('no reply');
    };
    await limit.admit(socket('1'), ALICE);
    expect(counted()).toEqual(['1']);
    limit.left('1');
    await limit.catchUp();
    expect(counted()).toEqual([]);
  });
});
