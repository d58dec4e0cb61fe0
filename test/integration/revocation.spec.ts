import { afterEach, describe, expect, it } from '@jest/globals';
import {
  DISCONNECT_EVENT,
  SessionService,
  type AuthOptions,
  type ClusterCount,
  type Identity,
} from '../../src/index.js';
import { untilMembersKnown } from '../support/members.js';
import { connectionsOf } from '../support/connections-of.js';
import { FakeInstance } from '../support/fake-instance.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { ChatSessionGateway, SessionGateway, sessionsOf } from '../support/session-gateways.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const all = (count: number): ClusterCount => ({ count, missing: [], complete: true });
const told = (reason: string) => [{ event: DISCONNECT_EVENT, args: [{ reason }] }];
const REVOKED = {
  message: 'Session revoked',
  data: expect.objectContaining({ code: 'auth.revoked' }),
};

const of = (userId: string, sid: string, claims: Partial<Identity> = {}): string =>
  tokenFor({ userId, sid, ...claims });

/** Waits until the connection itself has ended, with all its namespaces. */
const cutOff = async (client: TestClient): Promise<void> => {
  await untilDisconnected(client);
  await until(
    () => client.socket.io.engine.readyState === 'closed',
    () => 'the end of the connection',
  );
};

describe('a revocation', () => {
  let cluster: TestCluster;
  let fake: FakeInstance | undefined;
  afterEach(async () => {
    fake?.close();
    await cluster.close();
  });

  const start = async (size = 3, auth: Partial<AuthOptions> = {}): Promise<void> => {
    cluster = await givenCluster()
      .of(size)
      .with(SessionGateway, ChatSessionGateway)
      .configured({ auth: { ...JSON_TOKENS, revocationMs: 60_000, ...auth } })
      .start();
    await untilMembersKnown(cluster);
  };
  /**
   * Alice's phone on two instances and in two namespaces, her laptop, bob's phone, an anonymous client; none on the
   * third.
   */
  const clients = async () => {
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    return {
      phones: [
        await a.connect({ token: of('alice', 'phone') }),
        await a.connect({ token: of('alice', 'phone'), namespace: '/chat' }),
        await b.connect({ token: of('alice', 'phone') }),
      ],
      laptop: await b.connect({ token: of('alice', 'laptop') }),
      others: [await b.connect({ token: of('bob', 'bob phone') }), await a.connect()],
    };
  };
  const unharmed = async (...untouched: TestClient[]): Promise<void> => {
    await cluster.settled(...untouched);
    for (const client of untouched) {
      expect(client.socket.connected).toBe(true);
      expect(client.received).toEqual([]);
    }
  };

  it('of a user disconnects all sockets, in all namespaces and on all instances, and returns how many', async () => {
    await start();
    const { phones, laptop, others } = await clients();
    const sessions = sessionsOf(cluster.instance(2));

    expect(await sessions.revokeUser('alice')).toEqual(all(4));

    for (const client of [...phones, laptop]) {
      await cutOff(client);
      expect(client.received).toEqual(told('auth.revoked'));
    }
    await unharmed(...others);
    expect(cluster.instances.map(({ state }) => state.get('alice').length)).toEqual([0, 0, 0]);
    expect(await sessions.revokeUser('alice')).toEqual(all(0));
    expect(await sessions.revokeUser('nobody')).toEqual(all(0));
    expect((await sessions.sessions('alice')).items).toEqual([]);
    for (const { counts } of cluster.instances) expect(counts).toEqual({});
  });

  it('of a user sends the reason, and spares one session', async () => {
    await start();
    const { phones, laptop, others } = await clients();

    expect(
      await sessionsOf(cluster.instance(1)).revokeUser('alice', {
        exceptSessionId: 'laptop',
        reason: 'password changed',
      }),
    ).toEqual(all(3));

    for (const client of phones) {
      await cutOff(client);
      expect(client.received).toEqual(told('password changed'));
    }
    await unharmed(laptop, ...others);
    // The spared session may have more sockets.
    await cluster.instance(2).connect({ token: of('alice', 'laptop') });
    for (const instance of cluster.instances) {
      expect(await instance.refusal({ token: of('alice', 'phone') })).toEqual(REVOKED);
    }
  });

  it('of a session disconnects that one alone', async () => {
    await start();
    const { phones, laptop, others } = await clients();

    expect(await sessionsOf(cluster.instance(0)).revokeSession('phone')).toEqual(all(3));

    for (const client of phones) {
      await cutOff(client);
      expect(client.received).toEqual(told('auth.revoked'));
    }
    await unharmed(laptop, ...others);
    for (const instance of cluster.instances) {
      expect(await instance.refusal({ token: of('alice', 'phone') })).toEqual(REVOKED);
    }
    await cluster.instance(2).connect({ token: of('alice', 'laptop') });
  });

  it('ends the session of a token without a session: its connection', async () => {
    await start(2);
    const token = tokenFor({ userId: 'alice' });
    const [client, other] = [
      await cluster.instance(0).connect({ token }),
      await cluster.instance(0).connect({ token }),
    ];
    const chat = client.socket.io.socket('/chat', { auth: { token } });
    const session = (await client.ask('which session')) as string;
    expect(await chat.emitWithAck('which session')).toBe(session);

    expect(await sessionsOf(cluster.instance(1)).revokeSession(session)).toEqual(all(2));

    await cutOff(client);
    expect(chat.connected).toBe(false);
    await unharmed(other);
    // Another connection is another session.
    await cluster.instance(0).connect({ token });
  });

  it('closes the connection of a client that does not close it itself', async () => {
    await start(1);
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    (client.socket.io as unknown as { _close(): void })._close = () => undefined;

    expect(await sessionsOf(cluster.instance(0)).revokeUser('alice')).toEqual(all(1));

    await until(
      async () => (await connectionsOf(cluster.instance(0))) === 0,
      () => 'the end of the connection',
    );
  });

  it('leaves other users on the same connection alone', async () => {
    await start(2);
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    const bob = client.socket.io.socket('/chat', { auth: { token: of('bob', 'x') } });
    await until(
      () => bob.connected,
      () => 'bob',
    );

    expect(await sessionsOf(cluster.instance(1)).revokeUser('alice')).toEqual(all(1));

    await untilDisconnected(client);
    expect(await bob.emitWithAck('which session')).toBe('x');
  });

  it('is visible to the app like any other disconnect', async () => {
    await start(1);
    await cluster.instance(0).connect({ token: of('alice', 'phone') });
    const reasons: string[] = [];
    const [socket] = cluster.instance(0).state.get('alice');
    socket?.on('disconnect', (reason) => reasons.push(reason));

    await sessionsOf(cluster.instance(0)).revokeUser('alice');

    expect(reasons).toEqual(['server namespace disconnect']);
  });

  it('also works from a worker without gateways', async () => {
    await start();
    const { phones, laptop, others } = await clients();
    const worker = (await cluster.startWorker()).get(SessionService);

    expect(await worker.revokeUser('alice')).toEqual(all(4));

    await Promise.all([...phones, laptop].map(cutOff));
    await unharmed(...others);
  });

  it('names the instances that it did not reach', async () => {
    await start(2);
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    fake = await FakeInstance.memberOf(cluster);

    const revoked = sessionsOf(cluster.instance(1)).revokeUser('alice', { reason: 'x' });
    const asked = await fake.asked();
    await fake.answer(asked, { error: 'failed' });

    expect(asked.message).toMatchObject({
      operation: 'revoke',
      params: { revoked: { userId: 'alice' }, reason: 'x' },
    });
    expect(await revoked).toEqual({ count: 1, missing: [fake.instanceId], complete: false });
    await cutOff(client);
  });

  it('that is malformed is reported, and does nothing', async () => {
    await start(1);
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });
    const asking = await FakeInstance.of(cluster);
    fake = asking;
    let id = 0;
    const ask = (operation: string, params: unknown): Promise<number> =>
      asking.sendToAll({ type: 'request', id: ++id, operation, params, timeoutMs: 1_000 });

    for (const params of [null, 'x', { revoked: null }, { revoked: {}, reason: 'x' }]) {
      await ask('revoke', params);
      await ask('sessions', params);
      await ask('session-metadata', params);
    }

    await until(
      () => asking.replies.length === 12,
      () => 'the answers',
    );
    for (const reply of asking.replies)
      expect(reply).toMatchObject({ done: true, error: 'failed' });
    expect(cluster.instance(0).counts).toEqual({ 'request.failed': 12 });
    await unharmed(client);
    await cluster.instance(0).connect({ token: of('alice', 'phone') });
  });

  it('disconnects the sockets of its own instance while Redis is down, and names the others as missing', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(SessionGateway)
      .onRedis('redis://127.0.0.1:1')
      .configured({ auth: JSON_TOKENS, connectTimeoutMs: 1, subscribeTimeoutMs: 1 })
      .start();
    const client = await cluster.instance(0).connect({ token: of('alice', 'phone') });

    expect(await sessionsOf(cluster.instance(0)).revokeUser('alice')).toEqual({
      count: 1,
      missing: [],
      complete: false,
    });

    await cutOff(client);
    expect(await cluster.instance(0).refusal({ token: of('alice', 'phone') })).toEqual(REVOKED);
  });
});
