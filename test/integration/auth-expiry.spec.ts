import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket, AuthOptions } from '../../src/index.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { StandingClock } from '../support/standing-clock.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

const disconnected: (string | undefined)[] = [];

@WebSocketGateway()
class RootGateway implements OnGatewayInit<Server>, OnGatewayDisconnect<AuthenticatedSocket> {
  afterInit(server: Server): void {
    server.use((socket, next) => {
      const own = socket as unknown as AuthenticatedSocket;
      if (own.auth?.['incognito'] === true) own.auth = null;
      next();
    });
  }

  handleDisconnect(client: AuthenticatedSocket): void {
    disconnected.push(client.auth?.userId);
  }

  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return client.auth;
  }

  @SubscribeMessage('log out')
  logOut(client: AuthenticatedSocket): boolean {
    client.auth = null;
    return true;
  }
}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

describe('a token that expires', () => {
  let cluster: TestCluster;
  let clock: StandingClock;
  beforeEach(() => {
    clock = new StandingClock();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    disconnected.length = 0;
    await cluster.close();
  });

  const start = async (auth: Partial<AuthOptions> = {}, size = 1): Promise<TestInstance> => {
    cluster = await givenCluster()
      .of(size)
      .with(RootGateway, ChatGateway)
      .configured({ auth: { ...JSON_TOKENS, ...auth } })
      .start();
    return cluster.instance(0);
  };

  it('disconnects its socket at that time, not earlier, and no other socket', async () => {
    const instance = await start({}, 2);
    const [other, bob] = [
      await cluster.instance(1).connect({ token: tokenFor({ userId: 'alice' }) }),
      await instance.connect({
        token: tokenFor({ userId: 'bob', expiresAt: clock.second(3_600) }),
      }),
    ];
    const anonymous = await instance.connect();
    const expiresAt = clock.second(10);
    const alice = await instance.connect({ token: tokenFor({ userId: 'alice', expiresAt }) });
    const ended = new Promise((resolve) => alice.socket.once('disconnect', resolve));
    // A second before the next one expires.
    const earlier = await instance.connect({
      token: tokenFor({ userId: 'earlier', expiresAt: expiresAt - 1_000 }),
    });
    clock.to(expiresAt - 1);
    await untilDisconnected(earlier);
    await instance.served(alice);
    expect(alice.events).toEqual(['auth:expiring']);

    clock.to(expiresAt);

    expect(await ended).toBe('io server disconnect');
    expect(alice.received).toEqual([
      { event: 'auth:expiring', args: [{ expiresAt, expiresInMs: expect.any(Number) }] },
      { event: 'propagator:disconnect', args: [{ reason: 'auth.expired' }] },
    ]);
    const [{ expiresInMs }] = alice.data('auth:expiring') as [{ expiresInMs: number }];
    expect(expiresInMs).toBeGreaterThan(0);
    expect(expiresInMs).toBeLessThanOrEqual(10_000);
    expect(disconnected).toEqual(['earlier', 'alice']);
    expect(await instance.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    await cluster.settled(other, bob, anonymous);
    expect(other.received).toEqual([{ event: 'x', args: [1] }]);
    expect(bob.received).toEqual([]);
    expect(anonymous.received).toEqual([]);
    expect(instance.state.get('alice')).toEqual([]);
    expect(instance.counts).toEqual({ 'auth.expired': 2 });
  });

  it('disconnects its socket in its own namespace only', async () => {
    const instance = await start();
    const client = await instance.connect({ token: tokenFor({ userId: 'alice' }) });
    const expiresAt = clock.second(10);
    const chat = client.socket.io.socket('/chat', {
      auth: { token: tokenFor({ userId: 'alice', expiresAt }) },
    });
    const ended = new Promise((resolve) => chat.once('disconnect', resolve));
    chat.connect();
    await until(
      () => chat.connected,
      () => 'the other namespace',
    );

    clock.to(expiresAt);

    expect(await ended).toBe('io server disconnect');
    expect(await client.ask('who am I')).toMatchObject({ userId: 'alice' });
    expect(client.received).toEqual([]);
    expect(instance.state.get('alice')).toHaveLength(1);
  });

  const AT = 4_000_000_000_123;
  it.each<[string, object]>([
    ['a Date', { expiresAt: new Date(AT) }],
    ['ms', { expiresAt: AT }],
    ['the claim exp', { exp: AT / 1_000 }],
    ['a Date, whatever exp says', { expiresAt: new Date(AT), exp: 1 }],
  ])('is on socket.auth in ms, given as %s', async (_, claims) => {
    const instance = await start({ authenticate: () => ({ userId: 'alice', ...claims }) });
    const client = await instance.connect({ token: 'x' });
    expect(await client.ask('who am I')).toMatchObject({ userId: 'alice', expiresAt: AT });
    expect(client.received).toEqual([]);
  });

  it('is optional: an identity without it never expires', async () => {
    const instance = await start();
    const client = await instance.connect({ token: tokenFor({ userId: 'alice' }) });
    expect(await client.ask('who am I')).not.toHaveProperty('expiresAt');
  });

  it.each<[string, () => object]>([
    ['expiresAt', () => ({ expiresAt: Date.now() - 1 })],
    ['a Date', () => ({ expiresAt: new Date(Date.now() - 1) })],
    ['exp', () => ({ exp: Date.now() / 1_000 - 1 })],
  ])('is refused after its expiry by %s', async (_, claims) => {
    const instance = await start({ authenticate: () => ({ userId: 'alice', ...claims() }) });
    expect(await instance.refusal({ token: 'x' })).toEqual({
      message: 'Token expired',
      data: { code: 'auth.token-expired' },
    });
    expect(instance.counts).toEqual({ 'auth.token-expired': 1 });
    expect(cluster.logger.matching(/^warn auth\.token-expired: it ended at 2/)).toHaveLength(1);
    expect(instance.state.socketCount).toBe(0);
  });

  it('is refused if the expiry is not a time', async () => {
    const instance = await start({
      authenticate: () => ({ userId: 'alice', expiresAt: 'SECRET' as never }),
    });
    expect(await instance.refusal({ token: 'x' })).toEqual({
      message: 'Authentication failed',
      data: { code: 'auth.failed' },
    });
    expect(instance.counts).toEqual({ 'auth.failed': 1 });
    expect(cluster.logger.matching(/expiresAt is not a time: write a Date, or ms/)).toHaveLength(1);
    expect(cluster.logger.matching(/SECRET/)).toEqual([]);
  });

  it('is announced once, as long before as the app configures', async () => {
    const instance = await start({ expiryWarningMs: 500 });
    const expiresAt = clock.second(10);
    const alice = await instance.connect({ token: tokenFor({ userId: 'alice', expiresAt }) });
    await instance.served(alice);
    expect(alice.received).toEqual([]);

    // Up to a second earlier: the warning comes early rather than late.
    clock.to(expiresAt - 1_000);
    expect(await alice.waitFor('auth:expiring')).toEqual([{ expiresAt, expiresInMs: 1_000 }]);
    await instance.served(alice);
    clock.to(expiresAt);
    await untilDisconnected(alice);
    expect(alice.events).toEqual(['auth:expiring', 'propagator:disconnect']);
  });

  it('is not announced if the app disables the warning', async () => {
    const instance = await start({ expiryWarningMs: 0 });
    const expiresAt = clock.second(10);
    const alice = await instance.connect({ token: tokenFor({ userId: 'alice', expiresAt }) });
    clock.to(expiresAt);
    await untilDisconnected(alice);
    expect(alice.events).toEqual(['propagator:disconnect']);
  });

  it('is ignored once its socket has left', async () => {
    const instance = await start();
    const expiresAt = clock.second(10);
    const alice = await instance.connect({ token: tokenFor({ userId: 'alice', expiresAt }) });
    await alice.closed();
    const bob = await instance.connect({ token: tokenFor({ userId: 'bob', expiresAt }) });
    clock.to(expiresAt);
    await untilDisconnected(bob);
    expect(instance.counts).toEqual({ 'auth.expired': 1 });
    expect(disconnected).toEqual(['alice', 'bob']);
  });

  it('disconnects its socket whatever the app does with socket.auth', async () => {
    const instance = await start();
    const expiresAt = clock.second(10);
    const alice = await instance.connect({ token: tokenFor({ userId: 'alice', expiresAt }) });
    const incognito = tokenFor({ userId: 'bob', incognito: true, expiresAt });
    const bob = await instance.connect({ token: incognito });
    await alice.ask('log out');
    expect(await bob.ask('who am I')).toBeNull();

    clock.to(expiresAt);
    await Promise.all([untilDisconnected(alice), untilDisconnected(bob)]);

    expect(instance.counts).toEqual({ 'auth.expired': 2 });
    expect(instance.state.socketCount).toBe(0);
  });
});
