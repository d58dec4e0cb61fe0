import type { INestApplication } from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrdersService } from '../src/orders.service.js';
import { Cluster } from './support/cluster.js';

// The whole app, on two instances, with real clients and without Redis.
describe('the app on two instances', () => {
  let cluster: Cluster;
  let one: INestApplication;
  let two: INestApplication;
  beforeEach(async () => {
    cluster = new Cluster();
    [one, two] = [await cluster.startInstance(), await cluster.startInstance()];
  });
  afterEach(() => cluster.close());

  it('puts an article into the cart of all devices of a user', async () => {
    const phone = await cluster.connect(one, 'alice');
    const laptop = await cluster.connect(two, 'alice');

    phone.socket.emit('add', 'tea');

    await Promise.all([phone.has('added'), laptop.has('added')]);
    expect(phone.received).toEqual([['added', { article: 'tea' }]]);
    expect(laptop.received).toEqual([['added', { article: 'tea' }]]);
  });

  it('does not change the cart of another user', async () => {
    const alice = await cluster.connect(one, 'alice');
    const bob = await cluster.connect(two, 'bob');

    alice.socket.emit('add', 'tea');
    await alice.has('added');

    // Silence without a sleep: an earlier event for bob would have arrived before this one.
    await one.get(RedisPropagatorService).emitToAll({ event: 'fence' });
    await bob.has('fence');
    expect(bob.received).toEqual([['fence', undefined]]);
  });

  it('knows on either instance whether a client shows an event', async () => {
    await cluster.connect(one, 'alice');

    expect(await two.get(OrdersService).ship('alice', 7)).toBe(true);
    expect(await two.get(OrdersService).ship('bob', 7)).toBe(false);
  });

  it('refuses an invalid token', async () => {
    await expect(cluster.connect(one, 'bad')).rejects.toMatchObject({
      data: { code: 'auth.token-rejected' },
    });
  });
});
