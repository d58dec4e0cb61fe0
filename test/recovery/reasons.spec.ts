import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DiagnosticsService } from '../../src/index.js';
import type { Holder } from '../../src/recovery/hand-over.js';
import { ClusterProcess } from '../support/cluster-process.js';
import { testRedisUrl } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

/** A frame with a packet that disconnects a client. */
const DISCONNECT = Buffer.from([0x81, 2, 0x34, 0x31]);

describe('a client that cannot be recovered gets a new connection, and the reason is counted', () => {
  let stage: MovingUsers | undefined;
  let process: ClusterProcess | undefined;
  afterEach(async () => {
    jest.restoreAllMocks();
    process?.thaw();
    await process?.kill();
    process = undefined;
    await stage?.close();
  });

  it('too-much: it missed more than recovery.maxBytes keeps; the diagnostics name the memory', async () => {
    const maxBytes = 65_536;
    stage = await MovingUsers.start({ options: { recovery: { maxBytes } } });
    const { cluster } = stage;
    const client = await stage.connect('alice');
    await stage.send('alice', 0);
    await stage.settled(client);
    const bytes = () =>
      cluster.instance(0).app.get(DiagnosticsService).diagnostics().recovery?.bytes;
    const before = bytes() ?? NaN;
    expect(before).toBeGreaterThan(0);
    await stage.move(client, 1, async () => {
      for (let i = 0; i < 10; i++) {
        await cluster.instance(0).propagator.emitToUser({
          userId: 'alice',
          event: 'large',
          data: 'x'.repeat(10_000),
        });
      }
      expect(bytes()).toBeGreaterThan(before);
      expect(bytes()).toBeLessThanOrEqual(maxBytes);
    });
    expect(client.connections).toEqual([false, false]);
    expect(cluster.instance(1).counts).toEqual({ 'recovery.too-much': 1 });
  });

  it('too-old: what it missed has left the memory since', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice');
    await stage.send('alice', 0);
    await stage.settled(client);
    const current = stage;
    await stage.move(client, 1, async () => {
      await current.send('alice', 1, 2);
      // Trim the ring as if the time had passed.
      const { ring } = current.recovery(0).sessions;
      await until(
        () => ring.bytes > 0,
        () => 'the events',
      );
      ring.trim(performance.now() + 600_000);
    });
    expect(client.connections).toEqual([false, false]);
    expect(stage.cluster.instance(1).counts).toEqual({ 'recovery.too-old': 1 });
  });

  it('not-proven: its last event is none of its session', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice');
    await stage.send('alice', 0);
    await stage.settled(client);
    await stage.move(client, 1, () => {
      Object.assign(client.socket, { _lastOffset: 'x'.repeat(19) });
    });
    expect(client.connections).toEqual([false, false]);
    expect(stage.cluster.instance(1).counts).toEqual({ 'recovery.not-proven': 1 });
  });

  it.each<[string, (holder: Pick<Holder, 'find' | 'release'>) => unknown]>([
    [
      'frames that are no event',
      (holder) => {
        const release = holder.release.bind(holder);
        jest.spyOn(holder, 'release').mockImplementation(async (questions) =>
          (await release(questions)).map((moved) => {
            if (typeof moved === 'string') return moved;
            for (const event of moved.events) Object.assign(event, { frames: DISCONNECT });
            return moved;
          }),
        );
      },
    ],
    [
      'more rooms than a socket may have',
      (holder) => {
        const rooms = Array.from({ length: 1_010 }, (_, i) => `room-${i}`);
        const find = holder.find.bind(holder);
        jest.spyOn(holder, 'find').mockImplementation((namespace, pid) => {
          const found = find(namespace, pid);
          return typeof found === 'object'
            ? { ...found, rooms: [...found.rooms, ...rooms] }
            : found;
        });
      },
    ],
  ])('not-proven: the answer of its instance has %s', async (_, change) => {
    stage = await MovingUsers.start();
    const { cluster } = stage;
    const client = await stage.connect('alice');
    await stage.send('alice', 0);
    await stage.settled(client);
    change(stage.recovery(0) as unknown as Holder);

    const current = stage;
    await stage.move(client, 1, () => current.send('alice', 1));

    expect(cluster.instance(1).counts).toEqual({
      'recovery.not-proven': 1,
      'message.malformed': 1,
    });
    expect(await stage.settled(client)).toEqual([0]);
    expect(client.connections).toEqual([false, false]);
  });

  it('old-instance-silent: its instance is frozen, and stays so', async () => {
    stage = await MovingUsers.start({ size: 1, options: { requestTimeoutMs: 500 } });
    const { cluster, balancer } = stage;
    const frozen = await ClusterProcess.start({
      redis: testRedisUrl(),
      prefix: cluster.prefix,
      recovery: {},
    });
    process = frozen;
    balancer.instances.push(frozen.url);
    const client = await stage.connect('alice', 1);
    await stage.send('alice', 0);
    await until(
      () => client.record.count === 1,
      () => 'the event',
    );

    frozen.freeze();
    balancer.standStill(({ name }) => name === 'alice');
    balancer.sendTo('alice', 0);
    client.socket.io.engine.close();
    await client.connected(2);

    expect(client.connections).toEqual([false, false]);
    expect(cluster.instance(0).counts).toMatchObject({ 'recovery.old-instance-silent': 1 });
  });
});
