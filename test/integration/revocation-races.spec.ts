import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DISCONNECT_EVENT, type AuthOptions, type Identity } from '../../src/index.js';
import { InMemoryBus, InMemoryPubSub } from '../../src/testing/index.js';
import { untilMembersKnown } from '../support/members.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { sessionsOf } from '../support/session-gateways.js';
import { Door, SlowGateway } from '../support/slow-gateway.js';
import { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { Refusal } from '../support/test-instance.js';
import { until } from '../support/until.js';

const REVOKED = {
  message: 'Session revoked',
  data: expect.objectContaining({ code: 'auth.revoked' }),
};

const of = (userId: string, sid: string, claims: Partial<Identity> = {}): string =>
  tokenFor({ userId, sid, ...claims });

async function refusalOf(client: TestClient): Promise<Refusal> {
  try {
    await client.connected();
  } catch (error) {
    const { message, data } = error as Refusal;
    return { message, data };
  } finally {
    client.close();
  }
  throw new Error('the client was let in');
}

describe('a revocation', () => {
  let cluster: TestCluster;
  /** Delays alice during her authentication. */
  let authentication: Door | undefined;
  const clients: TestClient[] = [];
  let other: TestCluster | undefined;
  beforeEach(() => {
    authentication = undefined;
    SlowGateway.reset();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const client of clients.splice(0)) client.close();
    await other?.close();
    await cluster.close();
  });

  const start = async (auth: Partial<AuthOptions> = {}, options: object = {}): Promise<void> => {
    cluster = await givenCluster()
      .of(2)
      .with(SlowGateway)
      .configured({
        ...options,
        auth: {
          ...auth,
          authenticate: async (token, socket) => {
            const identity = await JSON_TOKENS.authenticate(token, socket);
            if (identity?.userId === 'alice') await authentication?.pass();
            return identity;
          },
        },
      })
      .start();
    await untilMembersKnown(cluster);
  };
  const open = (token: string): TestClient => {
    const client = TestClient.open(cluster.instance(0).url, { token });
    clients.push(client);
    return client;
  };
  /** Revokes on the other instance; resolves once this instance has processed it. */
  const revoke = () => sessionsOf(cluster.instance(1));

  it.each<[string, () => Promise<unknown>]>([
    ['the user', () => revoke().revokeUser('alice')],
    ['the session', () => revoke().revokeSession('phone')],
    ['all other sessions', () => revoke().revokeUser('alice', { exceptSessionId: 'laptop' })],
  ])('of %s refuses a client during its authentication, for good', async (_, revoking) => {
    // Not even a token of tomorrow helps, however long the authentication takes.
    await start({ revocationMs: 0 });
    authentication = new Door();
    const client = open(of('alice', 'phone', { iat: Date.now() / 1_000 + 86_400 }));
    const bystander = await cluster.instance(0).connect({ token: of('bob', 'x') });
    await authentication.knocked.promise;

    expect(await revoking()).toEqual({ count: 0, missing: [], complete: true });
    authentication.opened.resolve();

    expect(await refusalOf(client)).toEqual(REVOKED);
    expect(cluster.instance(0).counts).toEqual({ 'auth.revoked': 1 });
    expect(SlowGateway.seen).toEqual(['bob came']);
    // Clients that connect later are for the app to judge.
    await cluster.instance(0).connect({ token: of('alice', 'phone') });
    await cluster.settled(bystander);
    expect(bystander.received).toEqual([]);
  });

  it('does not refuse other clients during their authentication', async () => {
    await start();
    authentication = new Door();
    const client = open(of('alice', 'phone'));
    await authentication.knocked.promise;

    await revoke().revokeUser('bob');
    await revoke().revokeSession('laptop');
    await revoke().revokeUser('alice', { exceptSessionId: 'phone' });
    authentication.opened.resolve();

    await client.connected();
    expect(cluster.instance(0).counts).toEqual({});
  });

  it('refuses a client while its channel is being subscribed', async () => {
    const subscribing = new Door();
    class SlowPubSub extends InMemoryPubSub {
      override async subscribe(channel: string): Promise<void> {
        if (channel.endsWith('user:alice')) await subscribing.pass();
        await super.subscribe(channel);
      }
    }
    const pubSub = new SlowPubSub(new InMemoryBus());
    cluster = await givenCluster()
      .of(1)
      .with(SlowGateway)
      .configured({ redis: undefined, pubSub, auth: { ...JSON_TOKENS, revocationMs: 0 } })
      .start();
    const client = open(of('alice', 'phone'));
    await subscribing.knocked.promise;

    expect(await sessionsOf(cluster.instance(0)).revokeUser('alice')).toMatchObject({ count: 1 });
    subscribing.opened.resolve();

    expect(await refusalOf(client)).toEqual(REVOKED);
    expect(SlowGateway.seen).toEqual([]);
    expect(cluster.instance(0).state.socketCount).toBe(0);
  });

  it('disconnects a client in a middleware of the app as soon as it is connected, and the app sees both', async () => {
    await start({ revocationMs: 0 });
    const middleware = new Door();
    SlowGateway.door = middleware;
    const client = open(of('alice', 'phone'));
    await middleware.knocked.promise;

    expect(await revoke().revokeUser('alice', { reason: 'x' })).toMatchObject({ count: 1 });
    middleware.opened.resolve();

    await client.connected();
    await untilDisconnected(client);
    expect(client.received).toEqual([{ event: DISCONNECT_EVENT, args: [{ reason: 'x' }] }]);
    await until(
      () => SlowGateway.seen.length > 1,
      () => 'the app to hear of it',
    );
    expect(SlowGateway.seen).toEqual(['alice came', 'alice went']);
    expect(cluster.instance(0).state.socketCount).toBe(0);
  });

  it('refuses clients that reconnect at once, on every instance, until its time is over; then the app decides', async () => {
    await start({ revocationMs: 60_000 });
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    await revoke().revokeUser('alice');
    await untilDisconnected(client);

    for (const instance of cluster.instances) {
      expect(await instance.refusal({ token: of('alice', 'phone') })).toEqual(REVOKED);
      expect(await instance.refusal({ token: of('alice', 'new') })).toEqual(REVOKED);
      await instance.connect({ token: of('bob', 'phone') });
    }
    expect(cluster.instances.map(({ counts }) => counts)).toEqual([
      { 'auth.revoked': 2 },
      { 'auth.revoked': 2 },
    ]);

    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    await cluster.instance(0).connect({ token: of('alice', 'phone') });
  });

  it('accepts a newer login, and refuses an older one', async () => {
    await start();
    const nowInSeconds = Math.floor(Date.now() / 1_000);
    await revoke().revokeUser('alice');
    await revoke().revokeSession('phone');

    const before = of('alice', 'phone', { iat: nowInSeconds - 1 });
    expect(await cluster.instance(0).refusal({ token: before })).toEqual(REVOKED);
    const noTime = of('alice', 'phone', { iat: 'tomorrow' });
    expect(await cluster.instance(0).refusal({ token: noTime })).toEqual(REVOKED);
    // Most issuers write whole seconds: this token may have been issued earlier.
    const same = of('alice', 'phone', { iat: nowInSeconds });
    expect(await cluster.instance(0).refusal({ token: same })).toEqual(REVOKED);
    const after = of('alice', 'phone', { iat: Math.floor(Date.now() / 1_000) + 1 });
    await cluster.instance(0).connect({ token: after });
    await cluster.instance(1).connect({ token: after });
  });

  it('accepts no new token of a revoked client', async () => {
    await start();
    const spared = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    await revoke().revokeUser('alice', { exceptSessionId: 'phone' });
    expect(await spared.ask('auth:refresh', of('alice', 'phone'))).toMatchObject({ ok: true });

    authentication = new Door();
    const answer = spared.ask('auth:refresh', of('alice', 'phone')).catch(() => 'none');
    await authentication.knocked.promise;
    await revoke().revokeSession('phone');
    authentication.opened.resolve();

    expect(await answer).toBe('none');
    await untilDisconnected(spared);
    expect(SlowGateway.seen).toEqual(['alice came', 'alice went']);
    // The client is disconnected before its token is refused.
    await until(
      () => cluster.instance(0).counts['auth.revoked'] !== undefined,
      () => `a refusal, got ${JSON.stringify(cluster.instance(0).counts)}`,
    );
    expect(cluster.instance(0).counts).toEqual({ 'auth.revoked': 1 });
  });

  it('is not received by another app on the same Redis', async () => {
    await start();
    other = await givenCluster().of(1).with(PlainGateway).start();
    const client = await other.instance(0).connect({ token: 'alice' });

    await revoke().revokeUser('alice');

    await other.settled(client);
    expect(client.received).toEqual([]);
    await other.instance(0).connect({ token: 'alice' });
  });
});
