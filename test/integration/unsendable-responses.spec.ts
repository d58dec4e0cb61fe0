import { UseFilters, UseInterceptors } from '@nestjs/common';
import {
  Ack,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { concat, of, timer, map, type Observable } from 'rxjs';
import type { Socket } from 'socket.io';
import { PropagatorExceptionFilter, RedisPropagatorInterceptor } from '../../src/index.js';
import { emitRawWithAck, emitRaw, nestedArrays } from '../support/raw-emit.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestClient } from '../support/test-client.js';
import { until } from '../support/until.js';

const FAILURE = { status: 'error', message: 'Internal server error' };

const cyclic = (): object => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  return cycle;
};

/** Values that no encoder accepts, by name. */
const UNSENDABLE: Record<string, () => unknown> = {
  'a BigInt': () => ({ big: 1n }),
  'a cycle': cyclic,
  'a toJSON that throws': () => ({
    toJSON: () => {
      throw new Error('not as JSON');
    },
  }),
};

/** An event whose getter throws when it is read for the n-th time. */
const throwingLater = (name: 'event' | 'data', reads: number): WsResponse<unknown> => {
  let count = 0;
  const get = (): unknown => {
    if (++count >= reads) throw new Error(`read for the ${count}th time`);
    return 'echo';
  };
  const response = { event: 'echo', data: 'echo' };
  return Object.defineProperty(response, name, { get, enumerable: true });
};

class EchoHandlers {
  @SubscribeMessage('answer')
  answer(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('promised answer')
  async promised(@MessageBody() data: unknown): Promise<unknown> {
    return data;
  }

  @SubscribeMessage('later answer')
  later(@MessageBody() data: unknown): Observable<unknown> {
    return timer(1).pipe(map(() => data));
  }

  @SubscribeMessage('event')
  event(@MessageBody() data: unknown): WsResponse<unknown> {
    return { event: 'echo', data };
  }

  @SubscribeMessage('stream')
  stream(@MessageBody() data: unknown): Observable<WsResponse<unknown>> {
    return concat(
      of({ event: 'echo', data: 'first' }),
      timer(1).pipe(map(() => ({ event: 'echo', data }))),
      of({ event: 'echo', data: [data] }, { event: 'echo', data: 'last' }),
    );
  }

  @SubscribeMessage('by hand')
  byHand(@MessageBody() data: unknown, @Ack() ack: (answer: unknown) => void): void {
    setTimeout(ack, 1, data);
  }

  @SubscribeMessage('emit')
  emit(@MessageBody() data: unknown, @ConnectedSocket() socket: Socket): string {
    socket.emit('echo', data);
    return 'never';
  }

  @SubscribeMessage('exception')
  exception(): never {
    throw new WsException('not yours');
  }

  @SubscribeMessage('exception with data')
  exceptionWithData(@MessageBody() data: unknown): never {
    throw new WsException({ data });
  }

  @SubscribeMessage('error')
  error(): never {
    throw new Error('secret');
  }

  @SubscribeMessage('reserved')
  reserved(): WsResponse<string> {
    return { event: 'disconnect', data: 'x' };
  }

  @SubscribeMessage('unsendable')
  unsendable(@MessageBody() name: string): unknown {
    return UNSENDABLE[name]?.();
  }

  @SubscribeMessage('unsendable event')
  unsendableEvent(@MessageBody() name: string): WsResponse<unknown> {
    return { event: 'echo', data: UNSENDABLE[name]?.() };
  }

  @SubscribeMessage('field')
  field(@MessageBody() event: unknown): unknown {
    return { event, attendees: 2 };
  }

  @SubscribeMessage('getter')
  getter(@MessageBody() [name, reads]: ['event' | 'data', number]): WsResponse<unknown> {
    return throwingLater(name, reads);
  }
}

@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class FilteredGateway extends EchoHandlers {}

@WebSocketGateway({ namespace: 'bare' })
class BareGateway extends EchoHandlers {}

describe.each([
  ['with PropagatorExceptionFilter and the interceptor', '/'],
  ["with Nest's own filter and no interceptor", '/bare'],
])('a response that cannot be sent, %s', (_, namespace) => {
  let cluster: TestCluster;
  let client: TestClient;
  let phone: TestClient;
  beforeAll(async () => {
    cluster = await givenCluster()
      .of(1)
      .with(FilteredGateway, BareGateway)
      .onInMemoryPubSub()
      .start();
    const as = { token: 'alice', namespace };
    client = await cluster.instance(0).connect(as);
    phone = await cluster.instance(0).connect(as);
  });
  afterAll(() => cluster.close());
  afterEach(() => {
    client.received.length = 0;
    phone.received.length = 0;
  });

  const isWell = async (): Promise<void> => {
    expect(await client.ask('answer', 'well')).toBe('well');
    await cluster.settled(client, phone);
  };

  describe.each([8_000, 100_000])('nested %i arrays deep', (depth) => {
    const deep = nestedArrays(depth);

    it.each(['answer', 'promised answer', 'later answer', 'by hand', 'event'])(
      'is reported to the client as a failure in its acknowledgement: %s',
      async (message) => {
        expect(await emitRawWithAck(client, message, deep)).toEqual(FAILURE);
        await isWell();
        expect([...client.received, ...phone.received]).toEqual([]);
      },
    );

    it('is reported to the client as an event if it asked for no acknowledgement', async () => {
      emitRaw(client, 'event', deep);
      expect(await client.waitFor('exception')).toEqual([FAILURE]);
      await isWell();
      expect(client.events).toEqual(['exception']);
      expect(phone.received).toEqual([]);
    });

    it('is left out of a stream that continues, and the client is told once', async () => {
      expect(await emitRawWithAck(client, 'stream', deep)).toEqual(FAILURE);
      await client.waitFor('echo', 2);
      await isWell();
      expect(client.received.map(({ args }) => args)).toEqual([['first'], ['last']]);
      expect(phone.data('echo')).toEqual(namespace === '/' ? ['first', 'last'] : []);
    });

    it('does not prevent an exception from being reported', async () => {
      const told = namespace === '/' ? { status: 'error', message: 'not yours' } : FAILURE;
      expect(await emitRawWithAck(client, 'exception', deep)).toEqual(told);
      expect(await emitRawWithAck(client, 'error', deep)).toEqual(FAILURE);
      expect(await emitRawWithAck(client, 'exception with data', deep)).toEqual(FAILURE);
      expect(await emitRawWithAck(client, 'emit', deep)).toEqual(FAILURE);
      await isWell();
      expect(client.received).toEqual([]);
      emitRaw(client, 'exception', deep);
      expect(await client.waitFor('exception')).toEqual([told]);
      await isWell();
      expect(client.events).toEqual(['exception']);
    });
  });

  it.each(Object.keys(UNSENDABLE))('is reported to the client as a failure: %s', async (name) => {
    expect(await client.ask('unsendable', name)).toEqual(FAILURE);
    expect(await client.ask('unsendable event', name)).toEqual(FAILURE);
    client.emit('unsendable event', name);
    expect(await client.waitFor('exception')).toEqual([FAILURE]);
    await isWell();
    expect(client.events).toEqual(['exception']);
    expect(phone.received).toEqual([]);
  });

  it('is reported to the client as a failure: an event with a reserved name', async () => {
    expect(await client.ask('reserved')).toEqual(FAILURE);
    await isWell();
    expect(client.received).toEqual([]);
  });

  it.each([{ id: 1, title: 'a concert' }, ['a', 'list'], true])(
    'is not an event if its field named event is not a name: it is sent in the acknowledgement (%j)',
    async (event) => {
      expect(await client.ask('field', event)).toEqual({ event, attendees: 2 });
      await isWell();
      expect([...client.received, ...phone.received]).toEqual([]);
    },
  );

  it.each(['event', 'data'] as const)(
    'does not end the process if the app has made it with a getter for the %s that throws sooner or later',
    async (name) => {
      expect(await client.ask('getter', [name, 1])).toEqual(FAILURE);
      const seen: unknown[] = [];
      for (const reads of [2, 3, 4, 5]) {
        seen.push((await client.ask('getter', [name, reads])) ?? null);
        await isWell();
      }
      // Each response is read once, and others get what the client got.
      expect(seen).toEqual([null, null, null, null]);
      expect(client.data('echo')).toEqual(['echo', 'echo', 'echo', 'echo']);
      expect(phone.data('echo')).toEqual(namespace === '/' ? client.data('echo') : []);
    },
  );

  it('is counted and reported once a second', async () => {
    const before = cluster.instance(0).counts['response.unsendable'] ?? 0;
    expect(await client.ask('unsendable', 'a cycle')).toEqual(FAILURE);
    expect(cluster.instance(0).counts['response.unsendable']).toBe(before + 1);
    await until(
      () => cluster.logger.matching(/^warn response\.unsendable: "/).length > 0,
      () => 'a line in the log',
    );
  });
});
