import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayDisconnect } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RedisPropagatorService } from '../../src/index.js';
import { sumOf } from '../support/delivery-record.mjs';
import { NUMBERED } from '../support/returning-client.js';
import { until } from '../support/until.js';
import {
  NumberedSource,
  TO_ALL,
  TO_AUTHENTICATED,
  toRoom,
  toUser,
} from './support/numbered-source.js';
import {
  recoveryOf,
  send,
  SuccessiveInstances,
  untilKnown,
} from './support/successive-instances.js';

/** Sends events at the very end. */
@Injectable()
class LastWords implements OnApplicationShutdown {
  constructor(private readonly propagator: RedisPropagatorService) {}

  async onApplicationShutdown(): Promise<void> {
    await send(this.propagator, 'alice', 100);
  }
}

/** Tells the others of each client that has left. */
@WebSocketGateway()
class Farewells implements OnGatewayDisconnect {
  constructor(private readonly propagator: RedisPropagatorService) {}

  handleDisconnect(): void {
    void this.propagator.emitToAll({ event: NUMBERED, data: ['farewell', 50] });
  }
}

describe('an instance that ends without another one', () => {
  let stage: SuccessiveInstances;
  afterEach(() => stage.close());

  it('leaves its sessions to the next one: clients get each event once and in order', async () => {
    stage = await SuccessiveInstances.start();
    const first = await stage.begin();
    const alice = await stage.connect('alice');
    const bob = await stage.connect('bob');
    const { id } = alice.socket;
    await send(first.propagator, 'alice', 1);
    await stage.settled(alice, first);

    let next = first;
    await stage.withoutClients([first], async () => {
      await send(first.propagator, 'alice', 2, 3);
      await first.close();
      next = await stage.begin();
      await send(next.propagator, 'alice', 4);
      await send(next.propagator, 'bob', 5);
    });
    await send(next.propagator, 'alice', 6);

    expect(next.counts).toEqual({});
    expect(await stage.settled(alice, next)).toEqual([1, 2, 3, 4, 6]);
    expect(await stage.settled(bob, next)).toEqual([5]);
    expect([alice.connections, bob.connections]).toEqual([
      [false, true],
      [false, true],
    ]);
    expect(alice.socket.id).toBe(id);
  });

  it('leaves what it sends after that, too', async () => {
    stage = await SuccessiveInstances.start({ providers: [LastWords] });
    const first = await stage.begin();
    const alice = await stage.connect('alice');

    let next = first;
    await stage.withoutClients([first], async () => {
      await send(first.propagator, 'alice', 1);
      await first.close();
      next = await stage.begin();
    });

    expect(await stage.settled(alice, next)).toEqual([1, 100]);
    expect(alice.connections).toEqual([false, true]);
  });

  it('ends together with another one: events that they send meanwhile arrive', async () => {
    stage = await SuccessiveInstances.start({ providers: [Farewells, LastWords] });
    const first = await stage.begin();
    const second = await stage.begin();
    await Promise.all([untilKnown(first, 1), untilKnown(second, 1)]);
    const clients = await Promise.all(
      ['alice', 'bob', 'carol', 'dave'].map((user) => stage.connect(user)),
    );

    let next = first;
    await stage.withoutClients([first, second], async () => {
      await Promise.all([first.close(), second.close()]);
      next = await stage.begin();
      await stage.begin();
      await untilKnown(next, 1);
      await send(next.propagator, 'alice', 101);
    });

    for (const client of clients) {
      const numbers = await stage.settled(client, next);
      expect(client.connections).toEqual([false, true]);
      expect(numbers.filter((number) => number === 50)).toHaveLength(clients.length);
      expect(numbers.filter((number) => number !== 50)).toEqual(
        client.user === 'alice' ? [100, 100, 101] : [],
      );
    }
  });

  it('leaves its sessions while a worker goes on sending, and another one comes and goes', async () => {
    stage = await SuccessiveInstances.start();
    const first = await stage.begin();
    const worker = await stage.beginWorker();
    await untilKnown(first, 1);
    const alice = await stage.connect('alice');
    await send(worker, 'alice', 1, 2);
    await stage.settled(alice, first);

    let next = first;
    await stage.withoutClients([first], async () => {
      await send(worker, 'alice', 3);
      await first.close();
      await send(worker, 'alice', 4);
      const short = await stage.beginWorker();
      await send(short, 'alice', 5);
      await stage.endWorker(short);
      await send(worker, 'alice', 6);
      next = await stage.begin();
      await send(worker, 'alice', 7);
    });

    const numbers = await stage.settled(alice, next);
    // Events of different instances have no order.
    expect(numbers.filter((number) => number !== 5)).toEqual([1, 2, 3, 4, 6, 7]);
    expect(numbers).toHaveLength(7);
    expect(alice.connections).toEqual([false, true]);
  });

  // No record is written by itself within a test: none counts the events of the last moments.
  const SLOW_BEATS = { heartbeatIntervalMs: 15_000, memberTimeoutMs: 60_000 };

  it('leaves the session of a client that has just moved: what it received on the other instance does not come again', async () => {
    stage = await SuccessiveInstances.start({
      options: { ...SLOW_BEATS, recovery: { persist: true } },
    });
    const first = await stage.begin();
    const second = await stage.begin();
    const worker = await stage.beginWorker();
    await Promise.all([untilKnown(first, 2), untilKnown(second, 2)]);
    stage.balancer.sendTo('alice', 0);
    const alice = await stage.connect('alice');
    await send(worker, 'alice', 1, 2);
    await stage.settled(alice, first);
    stage.balancer.sendTo('alice', 1);
    stage.balancer.cut();
    await alice.connected(2);
    await send(worker, 'alice', 3);
    await stage.settled(alice, second);
    stage.balancer.sendTo('alice');

    let next = second;
    await stage.withoutClients([second], async () => {
      await send(worker, 'alice', 4);
      await Promise.all([first.close(), second.close()]);
      await send(worker, 'alice', 5);
      next = await stage.begin();
      await untilKnown(next, 1);
    });

    expect(await stage.settled(alice, next)).toEqual([1, 2, 3, 4, 5]);
    expect(alice.connections).toEqual([false, true, true]);
  });

  it('leaves the session of a client that has just connected: events from before are not for it', async () => {
    stage = await SuccessiveInstances.start({
      options: { ...SLOW_BEATS, recovery: { persist: true } },
    });
    const first = await stage.begin();
    const worker = await stage.beginWorker();
    await untilKnown(first, 1);
    await send(worker, 'alice', 1);
    const alice = await stage.connect('alice');
    await send(worker, 'alice', 2);
    await stage.settled(alice, first);

    let next = first;
    await stage.withoutClients([first], async () => {
      await first.close();
      await send(worker, 'alice', 3);
      next = await stage.begin();
      await untilKnown(next, 1);
    });

    expect(await stage.settled(alice, next)).toEqual([2, 3]);
    expect(alice.connections).toEqual([false, true]);
  });

  it('without "persist" keeps its sessions until its end: another instance may take them', async () => {
    stage = await SuccessiveInstances.start({ options: { recovery: {} } });
    const first = await stage.begin();
    const alice = await stage.connect('alice');

    let next = first;
    await stage.withoutClients([first], async () => {
      await recoveryOf(first).leave();
      next = await stage.begin();
      await Promise.all([untilKnown(first, 1), untilKnown(next, 1)]);
      await send(next.propagator, 'alice', 1);
    });

    expect(await stage.settled(alice, next)).toEqual([1]);
    expect(alice.connections).toEqual([false, true]);
  });

  it('restarts several times while events are sent: nothing is missing, and nothing comes twice', async () => {
    const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
    stage = await SuccessiveInstances.start();
    const sources: NumberedSource[] = [];
    const source = (name: string, propagator: RedisPropagatorService): NumberedSource => {
      const added = new NumberedSource(name, propagator);
      added.add(TO_ALL, TO_AUTHENTICATED, toRoom('lobby', users), ...users.map(toUser));
      added.start();
      sources.push(added);
      return added;
    };
    let instance = await stage.begin();
    const worker = await stage.beginWorker();
    const clients = await Promise.all(users.map((user) => stage.connect(user)));
    await Promise.all(clients.map((client) => client.join('lobby')));
    source('worker', worker);
    let own = source('instance 0', instance.propagator);
    const rounds = 3;
    for (let round = 1; round <= rounds; round++) {
      const counts = clients.map(({ record: { count } }) => count);
      await until(
        () => clients.every(({ record: { count } }, i) => count > (counts[i] ?? 0)),
        () => 'an event for each client',
      );
      await stage.withoutClients([instance], async () => {
        await own.stop();
        await instance.close();
        instance = await stage.begin();
        own = source(`instance ${round}`, instance.propagator);
      });
    }
    await Promise.all(sources.map((each) => each.stop()));
    for (const client of clients) await stage.settled(client, instance);
    // The last event before this comparison, one for each client.
    const fences = clients.length;
    await until(
      () => clients.every(({ received }) => received.filter(([, n]) => n < 0).length >= fences),
      () => 'the last events of all clients',
    );

    const judgement = sumOf(
      clients.map(({ record, user }) =>
        record.judge(new Map(sources.flatMap((each) => Array.from(each.sentTo(user))))),
      ),
    );
    const reconnects = rounds * users.length;
    expect(judgement).toEqual({
      expected: judgement.expected,
      delivered: judgement.expected,
      twice: 0,
      repeated: 0,
      outOfOrder: 0,
      foreign: clients.length * fences,
      reconnects,
      recovered: reconnects,
      missed: 0,
    });
  });
});
