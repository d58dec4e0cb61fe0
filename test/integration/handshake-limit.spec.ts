import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthOptions } from '../../src/index.js';
import { inAnyOrder } from '../support/events-of.js';
import type { ConnectOptions } from '../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../support/test-cluster.js';
import type { Refusal, TestInstance } from '../support/test-instance.js';

@WebSocketGateway()
class RootGateway {
  @SubscribeMessage('ping')
  ping(): boolean {
    return true;
  }
}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

const tooMany = (retryAfterMs: number): Refusal => ({
  message: 'Too many connections',
  data: { code: 'auth.too-many-handshakes', retryAfterMs },
});

/** The error codes of simultaneous clients; `undefined` for connected ones. */
async function codesOf(instance: TestInstance, clients: ConnectOptions[]): Promise<unknown[]> {
  const attempts = clients.map((options) =>
    instance.connect(options).then(
      () => undefined,
      (error: Refusal) => (error.data as { code: string }).code,
    ),
  );
  return inAnyOrder(await Promise.all(attempts));
}

const from = (address: string): ConnectOptions => ({
  extraHeaders: { 'x-real-ip': address },
  token: address,
});

describe('the handshake limit', () => {
  let cluster: TestCluster;
  const asked: string[] = [];
  /** The clock of the limit, which moves only when a test sets it. */
  let ms: number;
  beforeEach(() => {
    ms = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => ms);
    // Lines are logged at most once a second.
    jest.spyOn(Date, 'now').mockReturnValue(Date.now());
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    asked.length = 0;
    await cluster.close();
  });

  const start = async (auth: Partial<AuthOptions>, size = 1): Promise<TestInstance> => {
    cluster = await givenCluster()
      .of(size)
      .with(RootGateway, ChatGateway)
      .configured({
        auth: {
          authenticate: (token, socket) => {
            asked.push(token);
            return TOKEN_IS_USER.authenticate(token, socket);
          },
          ...auth,
        },
      })
      .start();
    return cluster.instance(0);
  };

  it('refuses excess clients before authenticate is called, and says when to retry', async () => {
    const instance = await start({ handshakesPerSecond: 4 });
    const flood = Array.from({ length: 20 }, (_, index) => ({ token: `user ${index}` }));

    expect(await codesOf(instance, flood)).toEqual([
      ...Array<string>(16).fill('auth.too-many-handshakes'),
      ...Array<undefined>(4).fill(undefined),
    ]);

    expect(asked).toHaveLength(4);
    expect(instance.state.socketCount).toBe(4);
    expect(instance.counts).toEqual({ 'auth.too-many-handshakes': 16 });
    // One line, however many clients come.
    expect(cluster.logger.matching(/^warn auth\.too-many-handshakes: from "/)).toHaveLength(1);
    expect(await instance.refusal({ token: 'alice' })).toEqual(tooMany(250));
    ms += 249;
    expect(await instance.refusal({ token: 'alice' })).toEqual(tooMany(1));
    ms += 1;
    const alice = await instance.connect({ token: 'alice' });
    expect(await alice.ask('ping')).toBe(true);
    expect(await instance.refusal({ token: 'alice' })).toEqual(tooMany(250));
    expect(asked).toHaveLength(5);
  });

  it('counts anonymous clients, refused ones, and each namespace', async () => {
    const instance = await start({ handshakesPerSecond: 3 });
    await instance.connect();
    await instance.refusal({ token: 'bad' });
    const alice = await instance.connect({ token: 'alice', namespace: '/chat' });
    expect(await instance.refusal()).toEqual(tooMany(334));
    expect(await instance.refusal({ token: 'alice', namespace: '/chat' })).toEqual(tooMany(334));
    expect(alice.socket.connected).toBe(true);
  });

  it('counts each address separately, as given by the app', async () => {
    const instance = await start({
      handshakesPerSecond: 1,
      clientAddress: ({ handshake }) => handshake.headers['x-real-ip'] as string,
    });
    expect(await codesOf(instance, ['a', 'b', 'a', 'c', 'b', 'a'].map(from))).toEqual([
      ...Array<string>(3).fill('auth.too-many-handshakes'),
      ...Array<undefined>(3).fill(undefined),
    ]);
    expect(asked.sort()).toEqual(['a', 'b', 'c']);
  });

  it('uses the address of the connection if the app gives none', async () => {
    const instance = await start({
      handshakesPerSecond: 1,
      clientAddress: () => {
        throw new Error('no header');
      },
    });
    await instance.connect({ token: 'alice' });
    expect(await instance.refusal({ token: 'bob' })).toEqual(tooMany(1_000));
    expect(instance.counts).toEqual({ 'auth.client-address': 2, 'auth.too-many-handshakes': 1 });
    expect(cluster.logger.matching(/auth\.clientAddress threw: no header/)).toHaveLength(1);
  });

  it('counts each instance separately', async () => {
    await start({ handshakesPerSecond: 1 }, 2);
    for (const instance of cluster.instances) {
      await instance.connect({ token: 'alice' });
      expect(await instance.refusal({ token: 'alice' })).toEqual(tooMany(1_000));
    }
  });

  it('is off by default', async () => {
    const instance = await start({});
    const flood = Array.from({ length: 50 }, () => ({ token: 'alice' }));
    expect(await codesOf(instance, flood)).toEqual(Array<undefined>(50).fill(undefined));
  });
});
