import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket, AuthOptions, Identity } from '../../src/index.js';
import { Deferred } from '../support/deferred.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { StandingClock } from '../support/standing-clock.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('who am I')
  whoAmI({ auth }: AuthenticatedSocket): unknown {
    return auth && { ...auth, frozen: Object.isFrozen(auth) };
  }

  @SubscribeMessage('log out')
  logOut(client: AuthenticatedSocket): boolean {
    client.auth = null;
    return true;
  }
}

const seen: unknown[] = [];

/** An app that handles the event itself. */
@WebSocketGateway()
class CuriousGateway {
  @SubscribeMessage('auth:refresh')
  refresh(_client: AuthenticatedSocket, data: unknown): void {
    seen.push(data);
  }
}

const inAnHour = () => Date.now() + 3_600_000;

const alice = (claims: Partial<Identity> = {}): string => tokenFor({ userId: 'alice', ...claims });

/** `authenticate` delays clients that reconnect. */
const slowly = (): { auth: Partial<AuthOptions>; answer: Deferred<Identity> } => {
  const answer = new Deferred<Identity>();
  const authenticate: AuthOptions['authenticate'] = (token) =>
    token === 'slow' ? answer.promise : JSON_TOKENS.authenticate(token, undefined as never);
  return { auth: { authenticate }, answer };
};

describe('a new token', () => {
  let cluster: TestCluster;
  /** The tokens that `authenticate` was given. */
  const asked: string[] = [];
  let clock: StandingClock;
  beforeEach(() => {
    clock = new StandingClock();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    asked.length = 0;
    seen.length = 0;
    await cluster.close();
  });

  const start = async (
    auth: Partial<AuthOptions> = {},
    gateways: (new () => object)[] = [],
  ): Promise<TestInstance> => {
    const { authenticate } = { ...JSON_TOKENS, ...auth };
    cluster = await givenCluster()
      .of(2)
      .with(RootGateway, ...gateways)
      .configured({
        auth: {
          ...auth,
          authenticate: (token, socket) => {
            asked.push(token);
            return authenticate(token, socket);
          },
        },
      })
      .start();
    return cluster.instance(0);
  };

  /** Collects all notifications and disconnects of a client. */
  const nothingHappenedTo = async (...clients: TestClient[]): Promise<void> => {
    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.socket.connected).toBe(true);
      expect(client.received).toEqual([]);
    }
  };

  it('replaces the old one, with a later expiry and a warning of its own', async () => {
    const instance = await start();
    const bystander = await cluster.instance(1).connect({ token: alice() });
    const [first, second] = [clock.second(10), clock.second(20)];
    const client = await instance.connect({ token: alice({ expiresAt: first, plan: 'old' }) });

    expect(await client.ask('auth:refresh', alice({ expiresAt: second, plan: 'new' }))).toEqual({
      ok: true,
      expiresAt: second,
    });

    expect(await client.ask('who am I')).toMatchObject({
      userId: 'alice',
      expiresAt: second,
      plan: 'new',
      frozen: true,
    });
    // The warning comes at half of the remaining time, and none for the first expiry.
    clock.to(second - 1_000);
    await client.waitFor('auth:expiring', 2);
    clock.to(second);
    await untilDisconnected(client);
    expect(client.received).toEqual([
      { event: 'auth:expiring', args: [expect.objectContaining({ expiresAt: first })] },
      { event: 'auth:expiring', args: [expect.objectContaining({ expiresAt: second })] },
      { event: 'propagator:disconnect', args: [{ reason: 'auth.expired' }] },
    ]);
    await nothingHappenedTo(bystander);
    expect(instance.counts).toEqual({ 'auth.expired': 1 });
  });

  it.each<[string, (token: string) => unknown[]]>([
    ['text', (token) => [token]],
    ['text as in a header', (token) => [`Bearer ${token}`]],
    ['an object', (token) => [{ token }]],
    ['an object, with more of them', (token) => [{ token }, 'more']],
  ])('is read from %s', async (_, args) => {
    const instance = await start({ authenticate: (token) => ({ userId: 'alice', token }) });
    const client = await instance.connect({ token: 'first' });
    expect(await client.ask('auth:refresh', ...args('second'))).toEqual({
      ok: true,
      expiresAt: null,
    });
    expect(asked).toEqual(['first', 'second']);
    expect(await client.ask('who am I')).toMatchObject({ userId: 'alice', token: 'second' });
    await nothingHappenedTo(client);
  });

  it('is accepted from a client that wants no acknowledgement', async () => {
    const instance = await start();
    const client = await instance.connect({ token: alice() });
    client.emit('auth:refresh', alice({ plan: 'new' }));
    await until(
      async () => ((await client.ask('who am I')) as Identity)['plan'] === 'new',
      () => 'the new identity',
    );
    await nothingHappenedTo(client);
    expect(asked).toEqual([alice(), alice({ plan: 'new' })]);
  });

  it('without an expiry removes the old expiry', async () => {
    const instance = await start();
    const client = await instance.connect({ token: alice({ expiresAt: clock.second(10) }) });
    const other = await instance.connect({ token: alice({ expiresAt: clock.second(11) }) });
    expect(await client.ask('auth:refresh', alice())).toEqual({ ok: true, expiresAt: null });

    clock.to(clock.second(11));
    await untilDisconnected(other);

    await cluster.settled(client);
    expect(client.socket.connected).toBe(true);
    expect(client.events).toEqual(['auth:expiring']);
  });

  const bad: [code: string, what: string, args: unknown[], auth?: Partial<AuthOptions>][] = [
    ['auth.token-rejected', 'a bad token', ['bad']],
    ['auth.failed', 'a token that makes authenticate throw', ['{']],
    ['auth.failed', 'a token whose end is no time', [alice({ expiresAt: 'x' as never })]],
    ['auth.token-expired', 'a token that has ended', [alice({ exp: 1 })]],
    ['auth.user-mismatch', 'the token of another user', [tokenFor({ userId: 'bob' })]],
    ['auth.token-missing', 'nothing', []],
    ['auth.token-missing', 'no text', [42]],
    ['auth.token-missing', 'an empty text', ['']],
    ['auth.token-missing', 'null', [null]],
    ['auth.token-missing', 'an object without a token', [{ token: { $ne: null } }]],
  ];
  it.each(bad)(
    'is refused with %s if it is %s, and everything stays as it was',
    async (code, _, args) => {
      const instance = await start();
      const expiresAt = inAnHour();
      const client = await instance.connect({ token: alice({ expiresAt }) });

      expect(await client.ask('auth:refresh', ...args)).toEqual({ ok: false, code });

      expect(await client.ask('who am I')).toMatchObject({ userId: 'alice', expiresAt });
      await nothingHappenedTo(client);
      expect(instance.counts).toEqual({ [code]: 1 });
      expect(await client.ask('auth:refresh', alice())).toEqual({ ok: true, expiresAt: null });
    },
  );

  it('that is refused does not delay the expiry of the old one', async () => {
    const instance = await start();
    const expiresAt = clock.second(10);
    const client = await instance.connect({ token: alice({ expiresAt }) });
    await client.ask('auth:refresh', 'bad');
    clock.to(expiresAt);
    await untilDisconnected(client);
    expect(client.events).toEqual(['auth:expiring', 'propagator:disconnect']);
  });

  const untilAsked = (token: string): Promise<void> =>
    until(
      () => asked.includes(token),
      () => 'authenticate to be asked',
    );

  it('is refused if authenticate takes too long', async () => {
    const { auth, answer } = slowly();
    const instance = await start({ ...auth, timeoutMs: 50 });
    const client = await instance.connect({ token: alice() });
    expect(await client.ask('auth:refresh', 'slow')).toEqual({
      ok: false,
      code: 'auth.timeout',
      retryAfterMs: expect.any(Number),
    });
    answer.resolve({ userId: 'alice', plan: 'late' });
    expect(await client.ask('who am I')).not.toHaveProperty('plan');
    expect(await client.ask('auth:refresh', alice())).toEqual({ ok: true, expiresAt: null });
  });

  it('is processed one at a time for each socket', async () => {
    const { auth, answer } = slowly();
    const instance = await start(auth);
    const client = await instance.connect({ token: alice() });
    const other = await instance.connect({ token: alice() });
    const first = client.ask('auth:refresh', 'slow');
    await untilAsked('slow');

    expect(await client.ask('auth:refresh', alice())).toEqual({
      ok: false,
      code: 'auth.refresh-busy',
    });
    expect(await other.ask('auth:refresh', alice())).toEqual({ ok: true, expiresAt: null });

    answer.resolve({ userId: 'alice', plan: 'new' });
    expect(await first).toEqual({ ok: true, expiresAt: null });
    expect(await client.ask('who am I')).toMatchObject({ plan: 'new' });
    expect(asked).toEqual([alice(), alice(), 'slow', alice()]);
    expect(instance.counts).toEqual({ 'auth.refresh-busy': 1 });
  });

  it('is not accepted from an anonymous socket, nor from one that has logged out', async () => {
    const instance = await start();
    const anonymous = await instance.connect();
    const refused = { ok: false, code: 'auth.not-authenticated' };
    expect(await anonymous.ask('auth:refresh', alice())).toEqual(refused);
    expect(await anonymous.ask('who am I')).toBeNull();
    const client = await instance.connect({ token: alice() });
    await client.ask('log out');
    expect(await client.ask('auth:refresh', alice())).toEqual(refused);
    expect(await client.ask('who am I')).toBeNull();
    expect(asked).toEqual([alice()]);
    expect(instance.counts).toEqual({ 'auth.not-authenticated': 2 });
  });

  it('is not accepted from a socket that logs out meanwhile', async () => {
    const { auth, answer } = slowly();
    const instance = await start(auth);
    const client = await instance.connect({ token: alice() });
    const refresh = client.ask('auth:refresh', 'slow');
    await untilAsked('slow');
    await client.ask('log out');
    answer.resolve({ userId: 'alice' });
    expect(await refresh).toEqual({ ok: false, code: 'auth.not-authenticated' });
    expect(await client.ask('who am I')).toBeNull();
  });

  it('is ignored once the socket has left', async () => {
    const { auth, answer } = slowly();
    const instance = await start(auth);
    const client = await instance.connect({ token: alice() });
    client.emit('auth:refresh', 'slow');
    await untilAsked('slow');
    client.close();
    await until(
      () => instance.state.socketCount === 0,
      () => 'the server to notice',
    );
    const bystander = await instance.connect({ token: alice({ expiresAt: clock.second(11) }) });

    answer.resolve({ userId: 'alice', expiresAt: clock.second(10) });

    await instance.served(bystander);
    clock.to(clock.second(11));
    await untilDisconnected(bystander);
    expect(instance.counts).toEqual({ 'auth.expired': 1 });
  });

  it('is refused even in the second after the expiry of the old one', async () => {
    const instance = await start();
    // The server processes it almost a second late.
    const expiresAt = clock.second(10) + 1;
    const client = await instance.connect({ token: alice({ expiresAt }) });
    clock.to(expiresAt);
    const refused = { ok: false, code: 'auth.token-expired' };
    expect(await client.ask('auth:refresh', alice())).toEqual(refused);
    expect(asked).toHaveLength(1);
    clock.to(clock.second(11));
    await untilDisconnected(client);
  });

  it('is refused after the expiry of the old one', async () => {
    const { auth, answer } = slowly();
    const instance = await start(auth);
    const client = await instance.connect({ token: alice({ expiresAt: clock.second(10) }) });
    const answers: unknown[] = [];
    client.emit('auth:refresh', 'slow', (result: unknown) => answers.push(result));
    await untilAsked('slow');
    clock.to(clock.second(10));
    await untilDisconnected(client);
    const bystander = await instance.connect({ token: alice() });

    answer.resolve({ userId: 'alice', expiresAt: inAnHour() });

    await nothingHappenedTo(bystander);
    expect(answers).toEqual([]);
    expect(client.events).toEqual(['auth:expiring', 'propagator:disconnect']);
    expect(instance.counts).toEqual({ 'auth.expired': 1 });
  });

  it('is hidden from other instances, like the first token of the client', async () => {
    const instance = await start({
      authenticate: () => ({ userId: 'alice' }),
      extractToken: ({ handshake }) => handshake.headers['x-ticket'] as string,
    });
    const client = await instance.connect({
      extraHeaders: {
        'x-ticket': 'ticket one',
        'accept-language': 'ticket two',
        'user-agent': 'plain',
      },
    });
    for (const token of ['ticket zero', 'ticket two']) await client.ask('auth:refresh', token);

    const [details] = await cluster.instance(1).app.get(RootGateway).server.fetchSockets();

    expect(details?.id).toBe(client.id);
    expect(details?.handshake.headers).toMatchObject({ 'user-agent': 'plain' });
    expect(JSON.stringify(details?.handshake)).not.toMatch(/ticket (one|two)/);
  });

  it('does not disturb a gateway that handles the event as well', async () => {
    const instance = await start({}, [CuriousGateway]);
    const client = await instance.connect({ token: alice() });
    expect(await client.ask('auth:refresh', alice({ plan: 'new' }))).toEqual({
      ok: true,
      expiresAt: null,
    });
    expect(await client.ask('who am I')).toMatchObject({ plan: 'new' });
    expect(seen).toEqual([alice({ plan: 'new' })]);
    await nothingHappenedTo(client);
  });

  it('is ignored by an app without authentication', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(CuriousGateway)
      .configured({ auth: undefined })
      .start();
    const client = await cluster.instance(0).connect({ token: 'x' });
    client.emit('auth:refresh', 'mine');
    await until(
      () => seen.length > 0,
      () => 'the gateway to get the event',
    );
    expect(seen).toEqual(['mine']);
    await nothingHappenedTo(client);
  });
});
