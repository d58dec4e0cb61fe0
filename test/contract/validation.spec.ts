import {
  Catch,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import {
  Ack,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import * as v from 'valibot';
import { z } from 'zod';
import {
  defineEvents,
  On,
  RedisPropagatorInterceptor,
  PropagatorExceptionFilter,
  typed,
  type AuthenticatedSocket,
  type EventSchema,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { resolveOptions } from '../../src/options/resolve-options.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { FENCE, type TestClient } from '../support/test-client.js';

const Text = z.object({ text: z.string().min(2) });
const Said = v.object({ id: v.pipe(v.number(), v.minValue(1)) });
const broken: EventSchema<string> = {
  '~standard': { version: 1, vendor: 'broken', validate: () => 'nothing' as never },
};
const throwing: EventSchema<string> = {
  '~standard': {
    version: 1,
    vendor: 'throwing',
    validate: () => {
      throw new Error('out of order');
    },
  },
};

const ofClients = {
  say: { data: Text, ack: Said },
  place: { args: [z.number(), Said] },
  leave: {},
  later: { data: z.string().refine(async (text) => text !== 'no'), ack: z.string() },
  when: { data: z.string().transform((text) => new Date(text)), ack: z.number() },
  throw: { data: throwing },
  bytes: { data: z.instanceof(Uint8Array), ack: z.number() },
  respond: { data: z.unknown() },
  dto: { data: z.looseObject({ text: z.string() }), ack: z.string() },
  manual: { data: Text, ack: z.string() },
  wrong: { ack: Said },
  many: { data: z.array(z.string()) },
  guarded: { data: Text, ack: z.string() },
  ['__proto__']: { data: Text },
};

const contract = defineEvents(
  {
    '/': {
      [FENCE]: { data: typed<unknown>() },
      said: { data: Said },
      texts: { data: z.array(Text) },
      typing: { data: typed<{ id: number }>(), volatile: true },
      moved: { args: [z.number(), v.string()] },
      reload: {},
      later: { data: z.string().refine(async () => true) },
      throwing: {
        data: z.string().refine(() => {
          throw new Error('boom');
        }),
      },
      broken: { data: broken },
      when: { data: z.string().transform((text) => new Date(text)) },
      confirm: { data: z.string(), ack: z.number().transform((n) => `n${n}`) },
      bytes: { data: z.instanceof(Uint8Array) },
      ['__proto__']: { data: Said },
    },
    '/chat': { [FENCE]: { data: typed<unknown>() }, chat: { data: Said } },
  },
  { client: ofClients },
);

class Dto {
  @IsString() text!: string;
  toString(): string {
    return `Dto ${this.text}`;
  }
}

const handled: unknown[] = [];
const FAILURE = { status: 'error', message: 'Internal server error' };

@WebSocketGateway()
class ContractGateway {
  @On('say')
  say(@MessageBody() data: z.output<typeof Text>): { id: number } {
    handled.push(data);
    return { id: data.text.length };
  }

  @On('place')
  place(@MessageBody() data: unknown): void {
    handled.push(data);
  }

  @On('leave')
  leave(@MessageBody() data: unknown, @ConnectedSocket() socket: AuthenticatedSocket): void {
    handled.push([data, socket.id]);
  }

  @On('later')
  async later(@MessageBody() data: string): Promise<string> {
    return data;
  }

  @On('when')
  when(@MessageBody() data: Date): number {
    return data.getTime();
  }

  @On('throw')
  throw(): void {
    handled.push('throw');
  }

  @On('bytes')
  bytes(@MessageBody() data: Uint8Array): number {
    return data.length;
  }

  @UsePipes(new ValidationPipe({ transform: true, whitelist: true }))
  @On('dto')
  dto(@MessageBody() data: Dto): string {
    return `${String(data)} ${Object.keys(data).join()}`;
  }

  @On('manual')
  manual(@MessageBody() _data: unknown, @Ack() ack: (answer: string) => void): void {
    ack('by hand');
  }

  @On('many')
  many(): void {}

  @On('wrong')
  wrong(): unknown {
    return { id: 0 };
  }

  @On('__proto__')
  proto(@MessageBody() data: unknown): void {
    handled.push(data);
  }

  @SubscribeMessage('outside')
  outside(@MessageBody() data: unknown): unknown {
    return { data };
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@UseFilters(PropagatorExceptionFilter)
@WebSocketGateway()
class RespondingGateway {
  @On('respond')
  respond(@MessageBody() response: WsResponse): WsResponse {
    return response;
  }
}

/** An exception filter of an app, with acknowledgements of its own. */
@Catch(WsException)
class OwnFilter implements ExceptionFilter {
  catch(error: WsException, host: ArgumentsHost): void {
    const ack = host.getArgByIndex<(answer: unknown) => void>(2);
    ack({ refused: (error.getError() as { code?: string }).code ?? error.message });
  }
}

class TextGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getData<{ text: string }>().text !== '';
  }
}

@UseGuards(TextGuard)
@UseFilters(OwnFilter)
@WebSocketGateway()
class GuardedGateway {
  @On('guarded')
  guarded(@MessageBody() { text }: z.output<typeof Text>): string {
    return text;
  }
}

@WebSocketGateway({ namespace: '/chat' })
class ChatGateway {}

describe('an app with a contract', () => {
  let cluster: TestCluster;
  let ann: TestClient;
  let remote: TestClient;
  beforeAll(async () => {
    cluster = await givenCluster()
      .of(2)
      .with(ContractGateway, RespondingGateway, GuardedGateway, ChatGateway)
      .configured({ contract })
      .start();
    ann = await cluster.instance(0).connect({ token: 'ann' });
    remote = await cluster.instance(1).connect({ token: 'ann' });
  });
  afterAll(() => cluster.close());

  const emit = (event: object): Promise<unknown> =>
    cluster.instance(0).propagator.emitToUser({ userId: 'ann', ...event } as never);

  it('says in one line which events have no schema', () => {
    const lines = cluster.logger.matching(/events without a schema/);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/not validated: .*typing of \//);
  });

  describe('emits', () => {
    it.each([
      ['wrong data', { event: 'said', data: { id: 0 } }, /data\.id: .*>=1/],
      ['no data', { event: 'said' }, /data: /],
      [
        'wrong data deep within',
        { event: 'texts', data: [{ text: 'ok' }, { text: 'x' }] },
        /data\[1\]\.text: /,
      ],
      ['a wrong argument', { event: 'moved', args: [1, 2] }, /args\[1\]: /],
      ['one argument too few', { event: 'moved', args: [1] }, /args\[1\]: /],
      [
        'one argument too many',
        { event: 'moved', args: [1, 'x', 3] },
        /got 3 arguments, and the event has 2/,
      ],
      [
        'data for an event without data',
        { event: 'reload', data: null },
        /got 1 arguments, and the event has none/,
      ],
      ['an asynchronous schema', { event: 'later', data: 'x' }, /returned a Promise/],
      ['a zod schema that throws', { event: 'throwing', data: 'x' }, /one of its checks threw/],
      ['a schema without a result', { event: 'broken', data: 'x' }, /returned no result/],
      ['the name of a prototype', { event: '__proto__', data: { id: '1' } }, /data\.id: /],
    ])('no event with %s', async (_, event, message) => {
      const refused = cluster.instance(0).counts['emit.refused'] ?? 0;
      await expect(emit(event)).rejects.toMatchObject({
        code: 'event.invalid-data',
        message: expect.stringMatching(message),
        cause: [{ path: expect.any(String), message: expect.any(String) }],
      });
      expect(cluster.instance(0).counts['emit.refused']).toBe(refused + 1);
    });

    it.each(['sayd', 'constructor', 'toString', 'hasOwnProperty', 'chat', ''])(
      'no event %p, which the contract does not have',
      async (event) => {
        await expect(emit({ event, data: 1 })).rejects.toMatchObject({
          code: event === '' ? 'event.invalid-name' : 'event.not-in-contract',
        });
      },
    );

    it('no event in a namespace that the contract does not have', async () => {
      const { propagator } = cluster.instance(0);
      for (const name of ['/nowhere', '/constructor', '/__proto__']) {
        await expect(
          propagator.of(name).emitToAll({ event: 'said', data: { id: 1 } }),
        ).rejects.toMatchObject({ code: 'event.not-in-contract' });
      }
      // The slash may be left out, as in Socket.IO.
      await expect(
        propagator.of('chat').emitToAll({ event: 'chat', data: { id: 0 } }),
      ).rejects.toMatchObject({ code: 'event.invalid-data' });
      await expect(
        propagator.of('chat').emitToAll({ event: 'chat', data: { id: 1 } }),
      ).resolves.toMatchObject({});
    });

    it('valid events in all verbs, and sends what it was given', async () => {
      const { propagator } = cluster.instance(0);
      const when = '2026-11-30T00:00:00.000Z';
      await propagator.emitToUser({ userId: 'ann', event: 'when', data: when });
      await propagator.emitToUsers({
        userIds: ['ann'],
        event: 'said',
        data: { id: 1, extra: true },
      });
      await propagator.emitToAll({ event: 'bytes', data: Buffer.of(1) });
      await propagator.emitToAuthenticated({ event: 'reload' });
      await propagator.propagateEvent({ userId: 'ann', event: '__proto__', data: { id: 2 } });
      await propagator.emitToAll({ event: 'typing', data: { id: 3 }, volatile: false });
      await cluster.settled(ann, remote);
      const expected = [
        ['when', when],
        ['said', { id: 1, extra: true }],
        ['bytes', Buffer.of(1)],
        ['reload', undefined],
        ['__proto__', { id: 2 }],
        ['typing', { id: 3 }],
      ];
      for (const device of [ann, remote]) {
        expect(device.received.map(({ event, args }) => [event, args[0]])).toEqual(expected);
      }
    });

    it('reads each part of an event once', async () => {
      let reads = 0;
      const event = {
        event: 'said',
        get data() {
          return { id: reads++ === 0 ? 7 : 0 };
        },
      };
      await emit(event);
      expect(reads).toBe(1);
    });

    it('requests, and keeps the answers that fit, as the output of the schema', async () => {
      ann.socket.once('confirm', (_: string, ack: (answer: unknown) => void) => ack(1));
      remote.socket.once('confirm', (_: string, ack: (answer: unknown) => void) => ack('many'));
      const { propagator } = cluster.instance(0);
      const answers = await propagator.requestUser({ userId: 'ann', event: 'confirm', data: 'x' });
      expect(answers.items.map(({ answer }) => answer)).toEqual(['n1']);
      expect(answers.unanswered).toEqual([remote.id]);
      expect(cluster.instance(0).counts['ack.invalid']).toBe(1);
      await expect(
        propagator.requestUser({ userId: 'ann', event: 'confirm', data: 1 }),
      ).rejects.toMatchObject({ code: 'event.invalid-data' });
    });
  });

  describe('receives', () => {
    it('valid messages, and answers', async () => {
      handled.length = 0;
      expect(await ann.ask('say', { text: 'hello', extra: 1 })).toEqual({ id: 5 });
      expect(await ann.ask('later', 'yes')).toBe('yes');
      expect(await ann.ask('when', '1970-01-01T00:00:01Z')).toBe(1000);
      expect(await ann.ask('bytes', Buffer.of(1, 2))).toBe(2);
      expect(await ann.ask('manual', { text: 'hello' })).toBe('by hand');
      ann.emit('place', 1, { id: 2 });
      ann.emit('leave');
      ann.emit('__proto__', { text: 'hello' });
      expect(await ann.ask('outside', 1)).toEqual({ data: 1 });
      // zod leaves out what the schema does not name.
      expect(handled).toEqual([
        { text: 'hello' },
        [1, { id: 2 }],
        [undefined, ann.id],
        { text: 'hello' },
      ]);
    });

    it('messages after which a pipe of class-validator runs', async () => {
      expect(await ann.ask('dto', { text: 'hello', extra: 1 })).toBe('Dto hello text');
    });

    it.each([
      ['wrong data', 'say', [{ text: 'x' }], 'data.text'],
      ['no data', 'say', [], 'data'],
      ['several arguments', 'say', [{ text: 'hello' }, 1], 'data'],
      ['one argument too few', 'place', [1], 'args[1]'],
      ['one argument too many', 'place', [1, { id: 1 }, 2], 'data'],
      ['data for an event without data', 'leave', [0], 'data'],
      ['data that an asynchronous schema refuses', 'later', ['no'], 'data'],
      ['the name of a prototype', '__proto__', [{ text: '' }], 'data.text'],
    ])('no message with %s, and says so in the acknowledgement', async (_, event, args, path) => {
      handled.length = 0;
      // No filter is bound, and Nest's own one leaves a client that asked waiting.
      expect(await ann.ask(event, ...args)).toEqual({
        status: 'error',
        code: 'event.invalid-data',
        message: expect.stringContaining(`${path}: `),
        issues: [{ path, message: expect.any(String) }],
      });
      expect(handled).toEqual([]);
    });

    it('messages after the guards, and lets exception filters of the app answer', async () => {
      expect(await ann.ask('guarded', { text: 'hello' })).toBe('hello');
      expect(await ann.ask('guarded', { text: '' })).toEqual({ refused: 'Forbidden resource' });
      expect(await ann.ask('guarded', { text: 'x' })).toEqual({ refused: 'event.invalid-data' });
    });

    it('no invalid message without an acknowledgement, and emits the exception', async () => {
      handled.length = 0;
      ann.emit('say', { text: '' });
      await ann.waitFor('exception');
      expect(ann.data('exception')[0]).toMatchObject({
        status: 'error',
        code: 'event.invalid-data',
      });
      expect(handled).toEqual([]);
    });

    it('no message whose schema throws, and does not leave the client waiting', async () => {
      handled.length = 0;
      expect(await ann.ask('throw', 'x')).toEqual(FAILURE);
      expect(await ann.ask('wrong')).toEqual(FAILURE);
      expect(handled).toEqual([]);
    });

    it('only a few of very many issues', async () => {
      const many = Array.from({ length: 10_000 }, () => 0);
      const { issues, message } = (await ann.ask('many', many)) as { issues: []; message: string };
      expect(issues).toHaveLength(8);
      expect(message.length).toBeLessThan(2_000);
    });

    it('sends no answer and no response that the contract does not allow', async () => {
      ann.received.length = 0;
      remote.received.length = 0;
      expect(await ann.ask('respond', { event: 'said', data: { id: 0 } })).toMatchObject({
        status: 'error',
        message: 'Internal server error',
      });
      expect(await ann.ask('respond', { event: 'sayd', data: { id: 1 } })).toMatchObject({
        status: 'error',
      });
      expect(await ann.ask('respond', 'an answer')).toMatchObject({ status: 'error' });
      ann.emit('respond', { event: 'said', data: { id: 1 } });
      await remote.waitFor('said');
      await cluster.settled(ann, remote);
      expect([ann.data('said'), remote.data('said')]).toEqual([[{ id: 1 }], [{ id: 1 }]]);
    });
  });
});

async function startWith(
  options: RedisPropagatorOptions,
  ...gateways: (new () => unknown)[]
): Promise<TestCluster> {
  const cluster = await givenCluster()
    .of(1)
    .with(...gateways)
    .configured(options)
    .onInMemoryPubSub()
    .start();
  await cluster.close();
  return cluster;
}

const refusal = (message: RegExp) => ({
  code: 'contract.not-applied',
  message: expect.stringMatching(message),
});

describe('a contract without effect', () => {
  const types = defineEvents<{ said: (id: number) => void }>();
  const serverOnly = defineEvents({ said: { data: Said } });

  it.each([
    ['validate without a contract', { validate: 'both' }],
    ['an unknown mode', { contract, validate: 'all' as never }],
    ['a contract that is none', { contract: { said: { data: Said } } as never }],
    ['validate with types alone', { contract: types, validate: 'both' }],
    [
      'validate with a type in place of the schema',
      { contract: defineEvents({ said: { data: typed<number>() } }), validate: 'emit' },
    ],
    ['receive without events of clients', { contract: serverOnly, validate: 'receive' }],
    ['one event in so many without a contract', { validateOneIn: 10 }],
    ['one event in none', { contract, validateOneIn: 0 }],
    [
      'one event in so many, and none is validated',
      { contract, validate: 'receive', validateOneIn: 10 },
    ],
    ['one event in so many with types alone', { contract: types, validateOneIn: 10 }],
  ] satisfies [string, RedisPropagatorOptions][])('stops the start: %s', (_, options) => {
    expect(() => resolveOptions(options, new MemoryLogger())).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
  });

  it.each([
    ['types alone', { contract: types }],
    ['off', { contract, validate: 'off' }],
    ['emit alone', { contract: serverOnly, validate: 'both' }],
    ['one event in so many', { contract: serverOnly, validateOneIn: 10 }],
    ['all events of types alone', { contract: types, validateOneIn: 1 }],
  ] satisfies [string, RedisPropagatorOptions][])('starts with %s', async (_, options) => {
    await expect(startWith(options, PlainGateway)).resolves.toBeDefined();
  });

  it('stops the start if a handler of its events does not validate', async () => {
    @WebSocketGateway()
    class ForgetfulGateway {
      @SubscribeMessage('say')
      say(): void {}
    }
    await expect(startWith({ contract }, ForgetfulGateway)).rejects.toMatchObject({
      code: 'contract.not-applied',
      message: expect.stringMatching(
        /^ForgetfulGateway\.say: @SubscribeMessage\("say"\) .*Write @On\("say"\)/,
      ),
    });
    await startWith({ contract, validate: 'emit' }, ForgetfulGateway);
  });

  it('stops the start if @On has no contract, or names another event', async () => {
    @WebSocketGateway()
    class MisspelledGateway {
      @On('sai')
      say(): void {}
    }
    await expect(startWith({}, MisspelledGateway)).rejects.toMatchObject(
      refusal(/without the option "contract"/),
    );
    await expect(startWith({ contract }, MisspelledGateway)).rejects.toMatchObject(
      refusal(/has no event "sai".*Did you mean "say"\?/),
    );
  });
});

describe('a contract that validates one event in so many', () => {
  it('refuses some invalid emits, and all invalid messages of clients', async () => {
    const cluster = await givenCluster()
      .of(1)
      .with(ContractGateway)
      .configured({ contract, validateOneIn: 2 })
      .onInMemoryPubSub()
      .start();
    try {
      const client = await cluster.instance(0).connect({ token: 'ann' });
      const { propagator } = cluster.instance(0);
      const emits = Array.from({ length: 200 }, () =>
        propagator.emitToAll({ event: 'said', data: { id: 0 } }),
      );
      const refused = (await Promise.allSettled(emits)).filter(
        ({ status }) => status === 'rejected',
      );
      await cluster.settled(client);
      // All are of one kind once in 2^199 runs.
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(200);
      expect(client.data('said')).toHaveLength(200 - refused.length);
      expect(cluster.instance(0).counts['emit.refused']).toBe(refused.length);
      await expect(propagator.emitToAll({ event: 'sayd' })).rejects.toMatchObject({
        code: 'event.not-in-contract',
      });
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => client.ask('say', { text: 'x' })),
      );
      expect(answers).toEqual(
        answers.map(() => expect.objectContaining({ code: 'event.invalid-data' })),
      );
    } finally {
      await cluster.close();
    }
  });
});

describe('a contract that validates nothing', () => {
  it('lets all events pass, and keeps those volatile that it calls so', async () => {
    const cluster = await givenCluster()
      .of(1)
      .with(ContractGateway)
      .configured({ contract, validate: 'off' })
      .onInMemoryPubSub()
      .start();
    try {
      const client = await cluster.instance(0).connect({ token: 'ann' });
      await cluster.instance(0).propagator.emitToAll({ event: 'anything', data: 1 });
      expect(await client.ask('say', { text: 'x' })).toEqual({ id: 1 });
      await client.waitFor('anything');
      expect(client.data('anything')).toEqual([1]);
    } finally {
      await cluster.close();
    }
  });
});
