import { RecordingPropagator } from 'nestjs-redis-propagator/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { OrdersService } from '../src/orders.service.js';

// A class that emits, tested alone: no Nest, no sockets, no Redis.
describe('OrdersService', () => {
  let propagator: RecordingPropagator;
  let orders: OrdersService;
  beforeEach(() => {
    propagator = new RecordingPropagator();
    orders = new OrdersService(propagator.asService());
  });

  it('tells the user about the order', async () => {
    await orders.ship('alice', 7);

    expect(propagator.calls).toEqual([
      {
        verb: 'emitToUser',
        event: { userId: 'alice', event: 'order-shipped', data: { orderId: 7 } },
      },
    ]);
  });

  it('says that no client shows the order', async () => {
    expect(await orders.ship('alice', 7)).toBe(false);
  });

  it('says that a client shows the order, even on another instance', async () => {
    propagator.receipt = { localSockets: 0, remoteInstances: 1, reached: true };

    expect(await orders.ship('alice', 7)).toBe(true);
  });
});
