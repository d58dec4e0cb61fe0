import { afterEach, describe, expect, it } from '@jest/globals';
import type { AuthOptions } from '../../src/index.js';
import { encodeEvent } from '../../src/routing/packet-codec.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { Deferred } from '../support/deferred.js';
import { serverOf } from '../support/plain-gateway.js';
import { NUMBERED } from '../support/returning-client.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

describe('a client that comes back and is being admitted', () => {
  let stage: MovingUsers;
  afterEach(() => stage.close());

  /** Makes a middleware of the app wait for each socket. */
  const holdAdmissions = (index: number) => {
    const open = new Deferred();
    let waiting = 0;
    serverOf(stage.cluster, index)
      .of('/')
      .use((_, next) => {
        waiting++;
        void open.promise.then(() => next());
      });
    return { open: () => open.resolve(), waiting: () => waiting };
  };

  it('keeps its rooms if it is cut off once more meanwhile', async () => {
    stage = await MovingUsers.start({ size: 1 });
    const client = await stage.connect('alice');
    await client.join('lobby');
    const { id = '' } = client.socket;
    const admissions = holdAdmissions(0);
    stage.balancer.cut();
    await until(
      () => admissions.waiting() === 1,
      () => 'the client to be admitted',
    );
    const accept = stage.balancer.refuse();
    stage.balancer.cut();
    await until(
      () => !client.socket.io.engine || client.socket.io.engine.readyState !== 'open',
      () => 'the client to be away',
    );
    serverOf(stage.cluster, 0).to('lobby').emit(NUMBERED, ['lobby', 0]);
    admissions.open();
    accept();
    await client.connected(2);
    await until(
      () => client.record.count === 1,
      () => 'the event that it missed',
    );
    expect(client.connections).toEqual([false, true]);
    expect([...(serverOf(stage.cluster, 0).sockets.adapter.sids.get(id) ?? [])].sort()).toEqual(
      [id, 'lobby'].sort(),
    );
  });

  it('leaves nothing on an instance that was admitting it, when it is admitted by another one', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice');
    await client.join('lobby');
    const admissions = holdAdmissions(0);
    stage.balancer.cut();
    await until(
      () => admissions.waiting() === 1,
      () => 'the client to be admitted',
    );
    stage.balancer.sendTo('alice', 1);
    stage.balancer.cut();
    await client.connected(2);
    expect(client.connections).toEqual([false, true]);
    admissions.open();
    const { adapter } = serverOf(stage.cluster, 0).sockets;
    await until(
      () => adapter.rooms.size === 0,
      () => `no rooms, but ${[...adapter.rooms.keys()].join()}`,
    );
    expect(stage.recovery(0).sessions.size).toBe(0);
    expect(stage.cluster.instance(0).counts).toEqual({});
  });

  it('does not wait for an instance without recovery', async () => {
    stage = await MovingUsers.start({
      size: 3,
      options: (index) => (index === 2 ? { recovery: false } : {}),
    });
    const pid = `${'0'.repeat(16)}.${'a'.repeat(20)}`;
    await stage.connect('mallory', 0, { socket: { auth: { token: 'mallory', pid, offset: '' } } });
    expect(stage.cluster.instance(0).counts).toEqual({ 'recovery.unknown-session': 1 });
  });

  it('has the rooms that it was put into during its authentication', async () => {
    const auth: AuthOptions = {
      authenticate: async (token, socket) => {
        await socket.join('greeted');
        return { userId: token };
      },
    };
    stage = await MovingUsers.start({ size: 1, options: { auth } });
    const client = await stage.connect('alice');
    await client.join('lobby');
    stage.balancer.cut();
    await client.connected(2);
    const { id = '' } = client.socket;
    const { sids, rooms } = serverOf(stage.cluster, 0).sockets.adapter;
    expect(client.connections).toEqual([false, true]);
    expect([...sids.keys()]).toEqual([id]);
    expect([...rooms.keys()].sort()).toEqual([id, 'greeted', 'lobby'].sort());
  });

  it('gets no late event of a room that was sent before it joined', async () => {
    stage = await MovingUsers.start({ size: 1 });
    const client = await stage.connect('alice');
    const before = Date.now();
    await until(
      () => Date.now() > before,
      () => 'the next millisecond',
    );
    await client.join('lobby');
    const { router } = stage.cluster.instance(0).app.get<Runtime>(RUNTIME);
    const deliverLate = (data: string, asOf: number): void => {
      for (const namespace of router.namespaces.named('/')) {
        const offset = router.offsets?.ofLocal();
        namespace.deliver({
          packet: encodeEvent(namespace.codec, '/', [NUMBERED, [data, 0], offset?.text]),
          rooms: ['lobby'],
          except: [],
          volatile: false,
          compress: true,
          asOf,
          offset,
        });
      }
    };
    deliverLate('here, too early', before);
    await stage.move(client, 0, () => {
      deliverLate('away, too early', before);
      deliverLate('away', Date.now());
    });
    deliverLate('back, too early', before);
    deliverLate('back', Date.now());
    await until(
      () => client.received.some(([data]) => data === 'back'),
      () => 'the last event',
    );
    expect(client.connections).toEqual([false, true]);
    expect(client.received.map(([data]) => data)).toEqual(['away', 'back']);
  });

  it('has its session after a question of another form about it', async () => {
    stage = await MovingUsers.start();
    const client = await stage.connect('alice');
    const [session] = stage.recovery(0).sessions.all();
    const question = { namespace: '/', pid: session?.pid };
    const { requests } = stage.cluster.instance(1).app.get<Runtime>(RUNTIME);
    for (const more of [{ current: 5 }, { current: [5] }, { offset: 5 }]) {
      const { complete } = await requests.request({
        operation: 'recovery:take',
        params: { items: [question, { ...question, ...more }] },
        timeoutMs: 5_000,
        to: stage.recovery(0).sessions.instanceId,
      });
      expect(complete).toBe(false);
    }
    stage.balancer.sendTo('alice', 1);
    stage.balancer.cut();
    await client.connected(2);
    expect(client.connections).toEqual([false, true]);
  });
});
