import { UseFilters, UseInterceptors } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import type { ClientSocket } from '../../client/src/index.js';
import {
  defineEvents,
  On,
  Once,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  type AuthenticatedSocket,
} from '../../src/index.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { PropagatorError } from '../../src/errors.js';
import { Deferred } from '../support/deferred.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients } from './support/clients.js';

/** The calls of the handlers on all instances: the data. */
const calls: unknown[] = [];
let answer: (data: unknown) => unknown = (data) => ({ handled: data });

@UseInterceptors(RedisPropagatorInterceptor)
@UseFilters(PropagatorExceptionFilter)
@WebSocketGateway()
class OnceGateway {
  @Once()
  @SubscribeMessage('order')
  order(@MessageBody() data: unknown): unknown {
    calls.push(data);
    return answer(data);
  }

  @Once({ runMs: 50 })
  @SubscribeMessage('slow')
  slow(@MessageBody() data: unknown): unknown {
    calls.push(data);
    return answer(data);
  }

  @SubscribeMessage('plain')
  plain(@MessageBody() data: unknown): unknown {
    calls.push(data);
    return { got: data };
  }

  @Once()
  @SubscribeMessage('drop')
  drop(@ConnectedSocket() socket: AuthenticatedSocket, @MessageBody() data: unknown): unknown {
    calls.push(data);
    // The answer is lost with the connection.
    if (calls.length === 1) socket.conn.close();
    return { handled: data };
  }
}

/** An event with an id, as the outbox sends it. */
const send = (socket: ClientSocket, event: string, data: unknown, id: string): Promise<unknown> =>
  socket.emitWithAck(event, data, { 'propagator:once': id });

/** An event of alice. */
const key = (field: string) => ({ userId: 'alice', field });

describe.each(['Redis', 'memory'])('@Once with %s', (transport) => {
  const clients = new Clients();
  let cluster: TestCluster;
  beforeEach(async () => {
    const builder = givenCluster().of(2).with(OnceGateway).configured({ auth: JSON_TOKENS });
    cluster = await (transport === 'memory' ? builder.onInMemoryPubSub() : builder).start();
    calls.length = 0;
    answer = (data) => ({ handled: data });
  });
  afterEach(async () => {
    clients.close();
    jest.restoreAllMocks();
    await cluster.close();
  });

  const open = (index: number, userId: string | null = 'alice'): ClientSocket =>
    clients.connect(cluster.instance(index).url, {
      getToken: () => userId && tokenFor({ userId }),
      outbox: { ackTimeoutMs: 5_000 },
    });

  it('runs the handler once for an event that is sent again over another instance', async () => {
    let url = cluster.instance(0).url;
    const socket = clients.connect(() => url, { getToken: () => tokenFor({ userId: 'alice' }) });
    socket.on('connect', () => {
      url = cluster.instance(1).url;
    });
    await expect(socket.emitOnce('drop', 'milk')).resolves.toEqual({ handled: 'milk' });
    await expect(socket.emitOnce('drop', 'milk')).resolves.toEqual({ handled: 'milk' });
    expect(calls).toEqual(['milk', 'milk']);
  });

  it('keeps the answers of each user, event and id apart', async () => {
    const [alice, phone, bob] = [open(0), open(1), open(1, 'bob')];
    const id = 'id-of-alice';
    expect(await send(alice, 'order', 1, id)).toEqual({ handled: 1 });
    expect(await send(phone, 'order', 2, id)).toEqual({ handled: 1 });
    expect(await send(bob, 'order', 3, id)).toEqual({ handled: 3 });
    expect(await send(alice, 'order', 4, 'another-id')).toEqual({ handled: 4 });
    expect(await send(alice, 'slow', 5, id)).toEqual({ handled: 5 });
    expect(calls).toEqual([1, 3, 4, 5]);
  });

  it('has one runner at a time, and another one after runMs', async () => {
    const [alice, phone] = [open(0), open(1)];
    const first = new Deferred<unknown>();
    answer = () => first.promise;
    const running = send(alice, 'order', 1, 'some-id-1');
    await until(
      () => calls.length === 1,
      () => 'the handler to run',
    );
    expect(await send(phone, 'order', 1, 'some-id-1')).toMatchObject({
      status: 'error',
      code: 'once.busy',
      retryAfterMs: expect.any(Number),
    });
    first.resolve('first');
    expect(await running).toBe('first');
    expect(await send(phone, 'order', 1, 'some-id-1')).toBe('first');

    const stuck = new Deferred<unknown>();
    answer = () => stuck.promise;
    const late = send(alice, 'slow', 2, 'some-id-2');
    await until(
      () => calls.length === 2,
      () => 'the handler to be stuck',
    );
    answer = () => 'second';
    await until(
      async () => (await send(phone, 'slow', 2, 'some-id-2')) === 'second',
      () => 'the second runner',
    );
    stuck.resolve('too late');
    expect(await late).toBe('too late');
    // The answer that is kept is that of the second runner.
    expect(await send(alice, 'slow', 2, 'some-id-2')).toBe('second');
    expect(calls).toEqual([1, 2, 2]);
  });

  it('runs the handler again after an error, and answers null for nothing', async () => {
    const alice = open(0);
    answer = () => {
      throw new Error('out of stock');
    };
    const id = 'some-id-3';
    expect(await send(alice, 'order', 1, id)).toMatchObject({ status: 'error' });
    answer = () => undefined;
    expect(await send(alice, 'order', 1, id)).toBeNull();
    expect(await send(alice, 'order', 1, id)).toBeNull();
    expect(calls).toEqual([1, 1]);
  });

  it('says that an answer was too long to be kept, and runs the handler once', async () => {
    const alice = open(0);
    const long = 'x'.repeat(16_384);
    answer = () => long;
    expect(await send(alice, 'order', 1, 'some-id-7')).toBe(long);
    expect(await send(alice, 'order', 1, 'some-id-7')).toEqual({
      status: 'error',
      code: 'once.no-answer',
      message: expect.any(String),
    });
    expect(calls).toEqual([1]);
  });

  it('runs the handler once if its answer is no JSON, too', async () => {
    const alice = open(0);
    answer = () => ({ total: 10n });
    expect(await send(alice, 'order', 1, 'some-id-8')).toMatchObject({ status: 'error' });
    expect(await send(alice, 'order', 1, 'some-id-8')).toMatchObject({
      status: 'error',
      code: 'once.no-answer',
    });
    expect(calls).toEqual([1]);
  });

  it('sends the event of a response to the clients once', async () => {
    const [alice, phone] = [open(0), open(1)];
    await until(
      () => alice.connected && phone.connected,
      () => 'the connections',
    );
    const heard: unknown[] = [];
    for (const socket of [alice, phone]) socket.on('ordered', (data) => heard.push(data));
    answer = (data) => ({ event: 'ordered', data });
    await send(alice, 'order', 'milk', 'some-id-4');
    expect(await send(phone, 'order', 'milk', 'some-id-4')).toBeNull();
    await until(
      () => heard.length === 2,
      () => 'both clients to hear it',
    );
    expect(heard).toEqual(['milk', 'milk']);
    expect(calls).toEqual(['milk']);
  });

  it('takes the id off for a handler without @Once, and ignores what is no id', async () => {
    const alice = open(0);
    expect(await send(alice, 'plain', 1, 'some-id-5')).toEqual({ got: 1 });
    expect(await alice.emitWithAck('plain', 1, { 'propagator:once': 'short' })).toEqual({
      got: [1, { 'propagator:once': 'short' }],
    });
    expect(await alice.emitOnce('plain', 2)).toEqual({ got: 2 });
    // Without an id the handler runs each time.
    expect(await alice.emitWithAck('order', 3)).toEqual({ handled: 3 });
    expect(await alice.emitWithAck('order', 3)).toEqual({ handled: 3 });
    expect(calls.slice(-2)).toEqual([3, 3]);
  });

  it('refuses clients without a user, and says so while the memory does not answer', async () => {
    const [nobody, alice] = [open(0, null), open(1)];
    await expect(nobody.emitOnce('order', 1)).rejects.toMatchObject({ code: 'auth.required' });
    const { once } = cluster.instance(1).app.get<Runtime>(RUNTIME);
    jest
      .spyOn(once, 'begin')
      .mockRejectedValueOnce(PropagatorError.of('redis.unavailable', ['the connection is "end"']));
    expect(await send(alice, 'order', 1, 'some-id-6')).toMatchObject({ code: 'once.unavailable' });
    expect(calls).toEqual([]);
    // The answer is sent although it cannot be kept.
    jest
      .spyOn(once, 'answer')
      .mockRejectedValueOnce(PropagatorError.of('redis.unavailable', ['the connection is "end"']));
    expect(await send(alice, 'order', 2, 'some-id-6')).toEqual({ handled: 2 });
    expect(cluster.logger.lines.join()).toContain('once.failed');
  });

  it('remembers a bounded number of events for each user, the newest ones', async () => {
    const { once } = cluster.instance(0).app.get<Runtime>(RUNTIME);
    const times = { runMs: 60_000, keepMs: 60_000 };
    for (let i = 0; i < 256; i++) await once.begin(key(`running ${i}`), 'me', times);
    expect(await once.begin(key('one more'), 'me', times)).toEqual({ state: 'full' });
    await once.answer(key('running 7'), 'me', '"seven"', times);
    expect(await once.begin(key('running 7'), 'me', times)).toEqual({
      state: 'answered',
      answer: '"seven"',
    });
    expect(await once.begin(key('one more'), 'me', times)).toEqual({ state: 'run' });
    // The new event took the place of the oldest answer, and another runner cannot answer the new event.
    await once.answer(key('one more'), 'somebody else', '"no"', times);
    expect(await once.begin(key('one more'), 'me', times)).toEqual({ state: 'running' });
    expect(await once.begin(key('running 7'), 'me', times)).toEqual({ state: 'full' });
    await once.release(key('running 8'), 'me');
    expect(await once.begin(key('running 7'), 'me', times)).toEqual({ state: 'run' });
  });
});

const Say = z.object({ text: z.string().min(2) });
const contract = defineEvents(
  {},
  {
    client: {
      outer: { data: Say, ack: z.object({ id: z.number() }) },
      inner: { data: Say, ack: z.object({ id: z.number() }) },
    },
  },
);

@WebSocketGateway()
class ContractGateway {
  @Once()
  @On('outer')
  outer(@MessageBody() { text }: z.output<typeof Say>): unknown {
    calls.push(text);
    return answer(text);
  }

  @On('inner')
  @Once()
  inner(@MessageBody() { text }: z.output<typeof Say>): unknown {
    calls.push(text);
    return answer(text);
  }
}

describe('@Once with @On', () => {
  const clients = new Clients();
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await givenCluster()
      .of(1)
      .with(ContractGateway)
      .configured({ auth: JSON_TOKENS, contract })
      .onInMemoryPubSub()
      .start();
    calls.length = 0;
  });
  afterEach(async () => {
    clients.close();
    await cluster.close();
  });

  it.each(['outer', 'inner'])(
    'refuses what does not fit, keeps no such answer, and then runs once: %s',
    async (event) => {
      const socket = clients.connect(cluster.instance(0).url, {
        getToken: () => tokenFor({ userId: 'alice' }),
      });
      await expect(socket.emitOnce(event, { text: 'x' })).rejects.toMatchObject({
        code: 'event.invalid-data',
        answer: { issues: [{ path: 'data.text' }] },
      });
      // An answer that does not fit is neither sent nor kept. Without a result the answer would be null.
      for (const unfit of [{ id: 'seven' }, undefined]) {
        answer = () => unfit;
        expect(await send(socket, event, { text: 'milk' }, 'some-id-1')).toEqual({
          status: 'error',
          message: 'Internal server error',
        });
      }
      answer = () => ({ id: calls.length });
      expect(await send(socket, event, { text: 'milk' }, 'some-id-1')).toEqual({ id: 3 });
      expect(await send(socket, event, { text: 'milk' }, 'some-id-1')).toEqual({ id: 3 });
      expect(await socket.emitOnce(event, { text: 'bread' })).toEqual({ id: 4 });
      expect(calls).toEqual(['milk', 'milk', 'milk', 'bread']);
    },
  );
});
