import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AuthenticatedSocket, AuthOptions } from '../../src/index.js';
import { Deferred } from '../support/deferred.js';
import type { ConnectOptions } from '../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';

@WebSocketGateway()
class WhoAmIGateway {
  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return { auth: client.auth, userId: client.data.userId ?? null };
  }
}

const ANONYMOUS = { auth: null, userId: null };
const SESSION = { sessionId: expect.any(String) };
const ALICE = { auth: { userId: 'alice', ...SESSION }, userId: 'alice' };

/** Only a code and a sentence, without internals. */
const refusalWith = (code: string, message = 'Authentication failed') => ({
  message,
  data: { code },
});

async function whoIs(instance: TestInstance, options: ConnectOptions): Promise<unknown> {
  return (await instance.connect(options)).ask('who am I');
}

describe('authentication', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (auth: Partial<AuthOptions> = {}): Promise<TestInstance> => {
    cluster = await givenCluster()
      .of(1)
      .with(WhoAmIGateway)
      .configured({ auth: { ...TOKEN_IS_USER, ...auth } })
      .start();
    return cluster.instance(0);
  };

  // `Bearer ` has to be removed, and `handshake.auth` has to be read.
  it.each<[where: string, options: ConnectOptions]>([
    ['handshake.auth.token', { auth: { token: 'alice' } }],
    ['handshake.auth.token, written as a header', { auth: { token: 'Bearer alice' } }],
    ['the Authorization header', { extraHeaders: { Authorization: 'Bearer alice' } }],
    [
      'the Authorization header, in any case',
      { extraHeaders: { authorization: 'bearer  alice ' } },
    ],
    [
      'handshake.auth.token before the header',
      { auth: { token: 'alice' }, extraHeaders: { authorization: 'Bearer bob' } },
    ],
    [
      'the header over long polling',
      { extraHeaders: { authorization: 'Bearer alice' }, transports: ['polling'] },
    ],
  ])('reads the token from %s', async (_where, options) => {
    expect(await whoIs(await start(), options)).toEqual(ALICE);
  });

  // A token in the query string would be in access logs.
  it('does not read a token from the query string', async () => {
    expect(await whoIs(await start(), { query: { token: 'alice' } })).toEqual(ANONYMOUS);
  });

  it('reads a token from the query string if that is enabled, after all other places', async () => {
    const instance = await start({ tokenFromQuery: true });
    expect(await whoIs(instance, { query: { token: 'alice' } })).toEqual(ALICE);
    expect(await whoIs(instance, { query: { token: 'bob' }, token: 'alice' })).toEqual(ALICE);
  });

  it('reads the token only where extractToken finds it', async () => {
    const instance = await start({
      extractToken: ({ handshake }) => /session=(\w+)/.exec(handshake.headers.cookie ?? '')?.[1],
    });
    expect(await whoIs(instance, { extraHeaders: { cookie: 'session=alice' } })).toEqual(ALICE);
    expect(await whoIs(instance, { token: 'alice' })).toEqual(ANONYMOUS);
  });

  it.each<[what: string, options: ConnectOptions]>([
    ['no token', {}],
    ['an empty token', { auth: { token: '' } }],
    ['a token that is no text', { auth: { token: { $ne: null } } }],
    ['another scheme', { extraHeaders: { authorization: 'Basic YWxpY2U6' } }],
    ['a scheme without a token', { extraHeaders: { authorization: 'Bearer' } }],
  ])('treats %s as an anonymous client', async (_what, options) => {
    expect(await whoIs(await start(), options)).toEqual(ANONYMOUS);
  });

  it('refuses clients without a token if one is required', async () => {
    const instance = await start({ required: true });
    expect(await instance.refusal()).toEqual(
      refusalWith('auth.token-missing', 'Authentication required'),
    );
    expect(await whoIs(instance, { token: 'alice' })).toEqual(ALICE);
  });

  it('treats all clients as anonymous if it is not configured, and warns once at the first token', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(WhoAmIGateway)
      .configured({ auth: undefined })
      .start();
    expect(await whoIs(cluster.instance(0), {})).toEqual(ANONYMOUS);
    expect(cluster.logger.matching(/^warn /)).toEqual([]);

    for (const options of [
      { token: 'alice' },
      { extraHeaders: { authorization: 'Bearer alice' } },
      { query: { token: 'alice' } },
    ]) {
      expect(await whoIs(cluster.instance(0), options)).toEqual(ANONYMOUS);
    }
    expect(cluster.logger.matching(/^warn /)).toEqual([
      expect.stringMatching(
        /^warn A client sent a token that is not checked: the option "auth" is not set.* Write auth:/,
      ),
    ]);
    expect(cluster.instance(0).counts).toEqual({});
  });

  it('refuses a bad token', async () => {
    const instance = await start();
    expect(await instance.refusal({ token: 'bad' })).toEqual(refusalWith('auth.token-rejected'));
    expect(instance.counts).toEqual({ 'auth.token-rejected': 1 });
  });

  it.each<[how: string, authenticate: AuthOptions['authenticate']]>([
    [
      'throws',
      () => {
        throw new Error('SELECT * FROM secrets');
      },
    ],
    ['rejects', () => Promise.reject(new Error('SELECT * FROM secrets'))],
    ['rejects with something odd', () => Promise.reject('SELECT * FROM secrets')],
    ['gives an identity without a user', () => ({ name: 'SELECT * FROM secrets' }) as never],
    ['gives an identity with an empty user', () => ({ userId: '' })],
    ['gives something that is no identity', () => 'SELECT * FROM secrets' as never],
  ])(
    'refuses a client without giving the reason when authenticate %s',
    async (_how, authenticate) => {
      const instance = await start({ authenticate });
      expect(await instance.refusal({ token: 'alice' })).toEqual(refusalWith('auth.failed'));
      expect(instance.state.socketCount).toBe(0);
      expect(cluster.logger.matching(/^warn auth\.failed: /)).toHaveLength(1);
    },
  );

  it('refuses a client when extractToken throws', async () => {
    const instance = await start({
      extractToken: () => {
        throw new Error('SELECT * FROM secrets');
      },
    });
    expect(await instance.refusal({ token: 'alice' })).toEqual(refusalWith('auth.failed'));
  });

  it.each<[what: string, returned: () => unknown, said: string]>([
    ['a Promise of a token', () => Promise.resolve('alice'), 'a Promise'],
    ['a Promise of nothing', () => Promise.resolve(), 'a Promise'],
    ['a Promise that rejects', () => Promise.reject(new Error('no cookie')), 'a Promise'],
    ['a number', () => 5, 'a value of type number'],
    ['false', () => false, 'a value of type boolean'],
    ['a list', () => ['alice'], 'a value of type object'],
    ['a function', () => () => 'alice', 'a value of type function'],
  ])(
    'refuses a client when extractToken returns %s, and logs that',
    async (_what, returned, said) => {
      const instance = await start({ extractToken: returned as never });
      for (const options of [{ token: 'alice' }, {}]) {
        expect(await instance.refusal(options)).toEqual(refusalWith('auth.failed'));
      }
      expect(instance.counts).toEqual({ 'auth.failed': 2 });
      expect(cluster.logger.matching(/^warn /)).toEqual([
        expect.stringContaining(`auth.failed: extractToken failed: it returned ${said}. Return a`),
      ]);
    },
  );

  it.each([undefined, null, ''])(
    'treats a client as anonymous when extractToken returns %p',
    async (returned) => {
      expect(await whoIs(await start({ extractToken: () => returned }), {})).toEqual(ANONYMOUS);
    },
  );

  it('uses the address of the connection when clientAddress rejects, and continues', async () => {
    const instance = await start({
      handshakesPerSecond: 100,
      clientAddress: (() => Promise.reject(new Error('no header'))) as never,
    });
    expect(await whoIs(instance, { token: 'alice' })).toEqual(ALICE);
    expect(instance.counts).toEqual({ 'auth.client-address': 1 });
    expect(cluster.logger.matching(/clientAddress returned not a string/)).toHaveLength(1);
  });

  it.each<[what: string, userId: unknown]>([
    ['2^53', 2 ** 53],
    ['a number beyond 2^53', Number('90071992547409931')],
    ['a negative one', -(2 ** 53)],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
  ])(
    'refuses a client whose user id is %s, and says to use text or a bigint',
    async (_what, id) => {
      const instance = await start({ authenticate: () => ({ userId: id as number }) });
      expect(await instance.refusal({ token: 'x' })).toEqual(refusalWith('auth.failed'));
      expect(cluster.logger.matching(/^warn auth\.failed: .*usable userId\. ./)).toHaveLength(1);
    },
  );

  it('accepts the largest exact number, and bigints and texts of any size', async () => {
    const ids = [Number.MAX_SAFE_INTEGER, 90071992547409931n, '90071992547409932'];
    const instance = await start({
      authenticate: (token) => ({ userId: ids[Number(token)] ?? '' }),
    });
    for (const [token, id] of ids.entries()) {
      expect(await whoIs(instance, { token: String(token) })).toMatchObject({ userId: String(id) });
    }
  });

  it('refuses a client when authenticate does not settle in time', async () => {
    const late = new Deferred<{ userId: string }>();
    const instance = await start({ authenticate: () => late.promise, timeoutMs: 20 });

    expect(await instance.refusal({ token: 'alice' })).toEqual({
      message: 'Authentication timed out',
      data: { code: 'auth.timeout', retryAfterMs: expect.any(Number) },
    });

    late.resolve({ userId: 'alice' });
    expect(
      await cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'x' }),
    ).toEqual({
      localSockets: 0,
      remoteInstances: 0,
      reached: false,
    });
  });

  it('keeps the claims of the identity, and the user id as text', async () => {
    const claims = { userId: 42, roles: ['admin'], tenant: { id: 7 } };
    const instance = await start({ authenticate: () => claims });
    expect(await whoIs(instance, { token: 'x' })).toEqual({
      auth: { ...claims, ...SESSION, userId: '42' },
      userId: '42',
    });
  });

  it('accepts a refused client once its token is valid', async () => {
    const instance = await start();
    const client = await instance
      .refusal({ token: 'bad' })
      .then(() => instance.connect({ token: 'alice' }));
    expect(await client.ask('who am I')).toEqual(ALICE);
  });
});
