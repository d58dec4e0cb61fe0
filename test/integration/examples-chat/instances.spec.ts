import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { isFailure } from '../../../examples/chat/shared/failure.js';
import type {
  ClusterView,
  InstanceView,
  PresenceEntry,
} from '../../../examples/chat/shared/model.js';
import { Roamer } from '../../../examples/chat/scripts/check/roamer.mjs';
import { startOwnRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';
import { ChatApp } from './support/chat-app.js';

const named = (view: ClusterView | undefined, name: string): InstanceView | undefined =>
  view?.instances.find((instance) => instance.name === name);

/** There are two sockets of one user. */
const isSettled = ({ total }: ClusterView): boolean => total.sockets === 2 && total.users === 1;

describe('examples/chat: instances', () => {
  let chat: ChatApp;
  const roamers: Roamer[] = [];
  beforeAll(async () => {
    chat = await ChatApp.start({
      INSTANCE_URLS: 'http://localhost:1, http://localhost:2',
      PUBLIC_URL: 'http://localhost:1',
      SHIPPING_MS: '1500',
    });
  });
  beforeEach(() => chat.restore());
  afterEach(() => {
    for (const roamer of roamers.splice(0)) roamer.close();
    chat.disconnectAll();
  });
  afterAll(() => chat.close());

  const roamer = async (name: string, ...instances: number[]): Promise<Roamer> => {
    const { token } = await chat.logIn(name);
    const started = new Roamer(
      instances.map((i) => chat.url(i)),
      token,
      'lobby',
    );
    roamers.push(started);
    await until(
      () => started.connections > 0,
      () => `${name} to be in the lobby`,
    );
    return started;
  };

  it('shows all instances with their state on each of them, and answers health checks', async () => {
    const alice = await chat.logIn('alice');
    const watcher = await chat.connect(0, alice, '/');
    await chat.connect(1, alice, '/chat');

    expect(await watcher.ask('cluster:watch', true)).toEqual({ watching: true });
    await until(
      () => (watcher.data('cluster') as ClusterView[]).some(isSettled),
      () => `both sockets, got ${JSON.stringify(watcher.data('cluster').at(-1))}`,
    );

    const view = (watcher.data('cluster') as ClusterView[]).find(isSettled);
    expect(view).toMatchObject({
      redis: { state: 'ready' },
      urls: ['http://localhost:1', 'http://localhost:2'],
    });
    expect(view?.instances).toEqual(
      ['one', 'two'].map((name) => ({
        name,
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        pid: expect.any(Number),
        url: 'http://localhost:1',
        state: 'ready',
        sockets: 1,
        eventsPerSecond: expect.any(Number),
        uptimeMs: expect.any(Number),
        me: name === 'one',
      })),
    );
    expect(await watcher.ask('cluster:watch', false)).toEqual({ watching: false });
    for (const path of ['/livez', '/readyz', '/healthz']) {
      expect((await fetch(chat.url(0) + path)).status).toBe(200);
    }
    const cors = await fetch(`${chat.url(1)}/cluster`, {
      headers: { origin: 'http://localhost:1' },
    });
    expect(cors.headers.get('access-control-allow-origin')).toBe('http://localhost:1');
    const foreign = await fetch(`${chat.url(1)}/cluster`, {
      headers: { origin: 'http://evil.test' },
    });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('does not wait for a frozen instance when a user joins or leaves a room', async () => {
    const login = await chat.logIn('alice');
    const [alice, otherTab] = [await chat.connect(0, login), await chat.connect(0, login)];
    const ask = async (event: 'join' | 'leave') => {
      chat.pause(1);
      try {
        expect(await alice.ask(event, { room: 'lobby' })).toMatchObject({ room: 'lobby' });
        // The other tabs are told when all of them are known to have followed: not yet.
        return [...otherTab.events];
      } finally {
        chat.resume(1);
      }
    };

    const whenJoined = await ask('join');
    await otherTab.waitFor('joined-room');
    const whenLeft = await ask('leave');
    await otherTab.waitFor('left-room');

    expect(whenJoined).toEqual(['rooms']);
    expect(whenLeft).toEqual(['rooms', 'user-joined', 'joined-room']);
  });

  it('stops the chosen instance from any other: it ends by itself, and no message is lost', async () => {
    const alice = await roamer('alice', 0, 1);
    const bob = await roamer('bob', 1);
    const carol = await roamer('carol', 0, 1);
    const user = await chat.logIn('alice', 1);
    const watcher = await chat.connect(1, user, '/');
    await watcher.ask('cluster:watch', true);
    const stateOfOne = () =>
      (watcher.data('cluster') as ClusterView[]).map((v) => named(v, 'one')?.state);
    const { id } = named(await chat.view(1), 'one') ?? {};

    const plan = Array.from({ length: 80 }, (_, i) => `message ${i}`);
    const pathToStop = '/cluster/instances/one/stop';
    expect((await chat.post(pathToStop, {}, { instance: 1 })).status).toBe(401);
    const write = async (texts: string[]): Promise<void> => {
      for (const text of texts) {
        alice.say(text);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    };
    await write(plan.slice(0, 20));
    expect((await chat.post(pathToStop, {}, { instance: 1, user })).status).toBe(202);
    await write(plan.slice(20));
    expect(await chat.ended(0)).toEqual([0, null]);
    await until(
      () =>
        alice.allSent && [bob, carol].every((each) => each.texts('alice').length >= plan.length),
      () => `all messages, got ${bob.texts('alice').length} and ${carol.texts('alice').length}`,
    );

    for (const each of [alice, bob, carol]) expect(each.texts('alice')).toEqual(plan);
    expect([alice, bob, carol].map(({ connections }) => connections)).toEqual([2, 1, 2]);
    await until(
      () => stateOfOne().at(-1) === 'stopped',
      () => `one to be shown as stopped, got ${String(stateOfOne())}`,
    );
    expect(stateOfOne()).toContain('draining');
    expect((await chat.post(pathToStop, {}, { instance: 1, user })).status).toBe(404);

    // After a restart it has its place again.
    await chat.launch('one');
    await until(
      () => stateOfOne().at(-1) === 'ready',
      () => 'one to be shown as ready',
    );
    expect(named(await chat.view(1), 'one')?.id).not.toBe(id);
  });

  it('ships an order after the instance that accepted it has ended', async () => {
    const alice = await chat.logIn('alice');
    const device = await chat.connect(1, alice, '/');

    await chat.post('/orders', { item: 'Tea' }, { user: alice });
    await chat.post('/cluster/instances/one/stop', {}, { user: alice });
    await chat.ended(0);

    expect(await device.waitFor('order-update', 2)).toMatchObject([
      { status: 'received' },
      { status: 'shipped' },
    ]);
  });

  it('removes the devices of a killed instance from the list', async () => {
    const bob = await chat.logIn('bob');
    await chat.connect(0, bob, '/presence', 'Phone');
    const laptop = await chat.connect(1, bob, '/presence', 'Laptop');
    const devices = () =>
      (laptop.data('presence:list') as PresenceEntry[][])
        .at(-1)
        ?.find(({ user }) => user.id === 'bob')?.sessions.length;
    await until(
      () => devices() === 2,
      () => 'both devices',
    );

    chat.kill(0);

    await until(
      () => devices() === 1,
      () => 'the phone to be gone',
      60_000,
    );
    expect(named(await chat.view(1), 'one')?.state).toBe('lost');
  }, 120_000);
});

it('examples/chat says when Redis is down, keeps serving, and recovers', async () => {
  const redis = await startOwnRedis();
  let chat: ChatApp | undefined;
  try {
    const started = (chat = await ChatApp.start({ REDIS_URL: redis.url }));
    const alice = await started.connect(0, await started.logIn('alice'));
    const bob = await started.connect(1, await started.logIn('bob'));
    for (const client of [alice, bob]) await client.ask('join', { room: 'lobby' });
    const message = { room: 'lobby', text: 'hello', clientId: 'x' };

    await redis.kill();
    await until(
      async () => (await fetch(`${started.url(0)}/healthz`)).status === 503,
      () => 'the health check to say it',
    );
    expect(await alice.ask('message', message)).toMatchObject({ code: 'unavailable' });
    expect((await fetch(`${started.url(0)}/readyz`)).status).toBe(200);
    const view = await started.view();
    expect(view.redis.state).not.toBe('ready');
    expect(view.instances.map(({ state }) => state)).toEqual(['degraded', 'unknown']);

    await redis.restart();
    await until(
      async () => (await fetch(`${started.url(0)}/healthz`)).status === 200,
      () => 'Redis to be back',
    );
    // Redis has lost all data.
    for (const client of [alice, bob]) {
      await until(
        async () => !isFailure(await client.ask('join', { room: 'lobby' })),
        () => 'the room to be there again',
      );
    }
    expect(await alice.ask('message', message)).toMatchObject({ text: 'hello' });
    await bob.waitFor('message');
  } finally {
    await chat?.close();
    await redis.stop();
  }
});
