import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Data } from '../../../examples/chat/server/common/data.js';
import { ShippingQueue } from '../../../examples/chat/server/orders/shipping-queue.js';
import type { OrderResponse } from '../../../examples/chat/shared/http.js';
import type { Device, PresenceChange, PresenceEntry } from '../../../examples/chat/shared/model.js';
import { ExternalClient } from '../../support/external-client.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';
import { ChatApp } from './support/chat-app.js';

const changesOf = (client: TestClient, userId: string): PresenceChange[] =>
  (client.data('presence:change') as PresenceChange[]).filter(({ user }) => user.id === userId);

const namesOf = (sessions: Device[] = []): string[] =>
  sessions.map(({ device, instance }) => `${device} on ${instance}`).toSorted();

/** The client was told the current state. */
const hears = (client: TestClient, userId: string, is: (change: PresenceChange) => boolean) =>
  until(
    () => changesOf(client, userId).some(is),
    () => `news of ${userId}, got ${JSON.stringify(client.received)}`,
  );

describe('examples/chat: presence and orders', () => {
  let app: ChatApp;
  beforeAll(async () => {
    app = await ChatApp.start({ PRESENCE_GRACE_MS: '300', SHIPPING_MS: '1500' });
  });
  afterAll(() => app.close());
  afterEach(() => app.disconnectAll());

  it('shows which users are online with which devices, live, across instances', async () => {
    const watcher = await app.connect(0, await app.logIn('carol'), '/presence');
    const bob = await app.logIn('bob');

    const laptop = await app.connect(0, bob, '/presence', 'Laptop');
    const phone = await app.connect(1, bob, '/presence', 'Phone');
    await hears(watcher, 'bob', ({ sessions }) => sessions.length === 2);
    expect(namesOf(changesOf(watcher, 'bob').at(-1)?.sessions)).toEqual([
      'Laptop on one',
      'Phone on two',
    ]);

    const late = await app.connect(1, await app.logIn('dave'), '/presence');
    const [list] = (await late.waitFor('presence:list')) as PresenceEntry[][];
    expect(namesOf(list?.find(({ user }) => user.id === 'bob')?.sessions)).toEqual([
      'Laptop on one',
      'Phone on two',
    ]);
    expect(list?.find(({ user }) => user.id === 'alice')).toBeUndefined();

    laptop.close();
    await hears(watcher, 'bob', ({ sessions }) => String(namesOf(sessions)) === 'Phone on two');
    expect(changesOf(watcher, 'bob').every(({ online }) => online)).toBe(true);
    phone.close();
    await hears(watcher, 'bob', ({ online }) => !online);
    expect(changesOf(watcher, 'bob').at(-1)).toMatchObject({ online: false, sessions: [] });
  });

  it('shows a status, and only a known one', async () => {
    const watcher = await app.connect(0, await app.logIn('carol'), '/presence');
    const bob = await app.connect(1, await app.logIn('bob'), '/presence');

    // Sent earlier, so that it does not cause the status.
    await hears(watcher, 'bob', ({ sessions }) => sessions.length === 1);
    expect(await bob.ask('status', { status: 'sleeping' })).toEqual({
      status: 'error',
      code: 'validation',
      message: ['The status is one of available, busy, away.'],
    });
    expect(await bob.ask('status', { status: 'busy' })).toEqual({ status: 'busy' });

    await hears(watcher, 'bob', ({ status }) => status === 'busy');
    const late = await app.connect(0, await app.logIn('dave'), '/presence');
    const [list] = (await late.waitFor('presence:list')) as PresenceEntry[][];
    expect(list?.find(({ user }) => user.id === 'bob')?.status).toBe('busy');
  });

  it('sends an order to all devices of its user, and again when it is shipped', async () => {
    const alice = await app.logIn('alice');
    const devices = [await app.connect(0, alice, '/'), await app.connect(1, alice, '/')];
    const bob = await app.connect(1, await app.logIn('bob'), '/');

    const response = await app.post('/orders', { item: ' Tea ' }, { user: alice });
    const { order, ...rest } = (await response.json()) as OrderResponse;
    await Promise.all(devices.map((device) => device.waitFor('order-update', 2)));

    expect(response.status).toBe(201);
    expect(rest).toEqual({ reached: true, pushWouldBeSent: false });
    expect(order).toMatchObject({ item: 'Tea', userId: 'alice', status: 'received' });
    for (const device of devices) {
      expect(device.data('order-update')).toEqual([
        order,
        { ...order, status: 'shipped', at: expect.any(Number) },
      ]);
    }
    expect(bob.events).not.toContain('order-update');
  });

  it('reports that nobody was reached if the user is offline', async () => {
    const alice = await app.logIn('alice');
    const bob = await app.connect(1, await app.logIn('bob'), '/');

    const place = async (userId: string, item = 'Tea') =>
      app.post('/orders', { item, userId }, { user: alice });

    expect(await (await place('dave')).json()).toMatchObject({
      order: { userId: 'dave' },
      reached: false,
      pushWouldBeSent: true,
    });
    expect(await (await place('bob')).json()).toMatchObject({ reached: true });
    await bob.waitFor('order-update');
    expect((await place('nobody')).status).toBe(404);
    expect(await (await place('dave', ' ')).json()).toEqual({
      code: 'validation',
      message: ['An order needs an item.'],
    });
    expect((await app.post('/orders', { item: 'Tea' })).status).toBe(401);
  });

  it('gives each due order to one instance, however many look at once', async () => {
    const { redis } = new ExternalClient();
    const data = {
      key: (group: string, name: string) => `${app.prefix}:test:{${group}}:${name}`,
      use: (work: (client: typeof redis) => unknown) => work(redis),
    } as unknown as Data;
    const queues = [1, 2, 3].map(() => new ShippingQueue(data));
    const ids = Array.from({ length: 20 }, (_, i) => `order ${i}`);
    const order = { item: 'Tea', userId: 'bob', status: 'received' as const, at: 0 };
    try {
      await queues[0]?.add({ ...order, id: 'later' }, Date.now() + 60_000);
      for (const id of ids) await queues[0]?.add({ ...order, id }, Date.now());

      const taken = await Promise.all(queues.map((queue) => queue.take()));

      expect(taken.flat().map(({ id }) => id)).toHaveLength(ids.length);
      expect(new Set(taken.flat().map(({ id }) => id))).toEqual(new Set(ids));
    } finally {
      redis.disconnect();
    }
  });
});
