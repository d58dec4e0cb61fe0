import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Subject } from 'rxjs';
import { ClusterService } from '../../../src/cluster/cluster.service.js';
import type { ClusterBus } from '../../../src/cluster/cluster-bus.js';
import { Membership } from '../../../src/cluster/membership.js';
import type { EngineSocket } from '../../../src/socket-io/engine-socket.js';
import { Session } from '../../../src/recovery/session.js';
import { Sessions } from '../../../src/recovery/sessions.js';
import type { SlowClients } from '../../../src/socket-io/connections/slow-clients.js';
import { WriteCoalescer } from '../../../src/socket-io/connections/write-coalescer.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import type { WirePacket } from '../../../src/wire/wire-packet.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const fail = (): never => {
  throw new Error('no');
};

describe('timers whose callbacks throw', () => {
  let reporter: Reporter;
  beforeEach(() => {
    jest.useFakeTimers();
    reporter = new Reporter(new MemoryLogger());
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  describe('heartbeats', () => {
    const OPTIONS = { heartbeatIntervalMs: 1_000, memberTimeoutMs: 10_000 };
    let sent: string[];
    let described: () => { sockets: number; users: number };
    let pubSub: InMemoryPubSub & { isOpen?: () => boolean };
    let bus: { isListening: boolean; open: () => Promise<void> };
    let cluster: ClusterService;

    beforeEach(async () => {
      sent = [];
      described = () => ({ sockets: 0, users: 0 });
      pubSub = new InMemoryPubSub();
      await pubSub.connect();
      bus = Object.assign(
        { isListening: true, open: async () => {} },
        {
          instanceId: 'a'.repeat(16),
          messages$: new Subject(),
          sendToAll: async ({ type }: { type: string }) => sent.push(type),
          sendTo: async () => true,
        },
      );
      const theBus = bus as unknown as ClusterBus;
      const describeSelf = () => ({ ...described(), sequence: 0, lanes: [] });
      const deps = { bus: theBus, pubSub, records: undefined, describe: describeSelf, reporter };
      const membership = new Membership(deps, OPTIONS);
      cluster = new ClusterService(OPTIONS, membership, reporter);
    });
    afterEach(async () => {
      described = () => ({ sockets: 0, users: 0 });
      await cluster.stop();
      await pubSub.close();
    });

    it('are sent although isOpen() of the transport throws', async () => {
      await cluster.start();
      pubSub.isOpen = fail;
      sent.length = 0;
      await jest.advanceTimersByTimeAsync(2_000);
      expect(new Set(sent)).toEqual(new Set(['heartbeat']));
    });

    it('are sent although the transport cannot say whether this instance is subscribed', async () => {
      await cluster.start();
      Object.defineProperty(bus, 'isListening', { get: fail });
      sent.length = 0;
      await jest.advanceTimersByTimeAsync(2_000);
      expect(new Set(sent)).toEqual(new Set(['heartbeat']));
    });

    it('report a failure to describe this instance, and continue', async () => {
      await cluster.start();
      described = fail;
      sent.length = 0;
      await jest.advanceTimersByTimeAsync(2_000);
      expect(sent).toEqual([]);
      expect(reporter.counts()['heartbeat.failed']).toBeGreaterThanOrEqual(2);
      described = () => ({ sockets: 0, users: 0 });
      await jest.advanceTimersByTimeAsync(1_100);
      expect(new Set(sent)).toEqual(new Set(['heartbeat']));
    });
  });

  it('release the channels of the other lost clients when the first one throws', () => {
    const released: string[] = [];
    const options = { maxDisconnectionMs: 1_000, maxBytes: 65_536, persist: false };
    const sessions = new Sessions('0123456789abcdef', options, reporter);
    const keep = (): void => {
      for (const pid of ['bad', 'good']) {
        const start = { pid, sid: pid, namespace: '/', scope: 1, since: 0, base: '', issued: 0 };
        const session = new Session(start);
        session.awaySince = performance.now();
        sessions.add(session);
        sessions.keepAway(session, () => {
          if (pid === 'bad') fail();
          released.push(pid);
        });
      }
    };
    keep();
    jest.advanceTimersByTime(1_000);
    expect(released).toEqual(['good']);
    expect(sessions.size).toBe(0);
    expect(reporter.counts()).toEqual({ 'recovery.failed': 1 });

    keep();
    sessions.close();
    expect(released).toEqual(['good', 'good']);
  });

  it('write to other connections when the check of a slow one throws', async () => {
    jest.useRealTimers();
    const wrote: unknown[] = [];
    const written: string[] = [];
    const slow = {
      wrote: (connection: unknown) => {
        wrote.push(connection);
        fail();
      },
    } as unknown as SlowClients;
    const batches = new WriteCoalescer(slow, reporter);
    const connections = ['first', 'second'].map((name) => ({
      transport: { name: 'polling' },
      writeBuffer: [{}],
      on: () => {},
      close: () => {},
      write: () => written.push(name),
    }));
    const packet = { frames: Buffer.from('x'), parts: ['x'] } as unknown as WirePacket;
    for (const each of connections) batches.add(each as unknown as EngineSocket, packet);
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toEqual(['first', 'second']);
    expect(wrote).toEqual(connections);
    expect(reporter.counts()).toEqual({ 'listener.failed': 2 });
  });
});
