import { afterEach, describe, expect, it } from '@jest/globals';
import {
  SessionService,
  type AuthOptions,
  type AuthenticatedSocket,
  type Identity,
} from '../../src/index.js';
import { untilMembersKnown, instanceIdOf } from '../support/members.js';
import { inAnyOrder } from '../support/events-of.js';
import { FakeInstance } from '../support/fake-instance.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { ChatSessionGateway, SessionGateway, sessionsOf } from '../support/session-gateways.js';
import type { ConnectOptions } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const alice = (claims: Partial<Identity> = {}): string => tokenFor({ userId: 'alice', ...claims });

describe('the session of a socket', () => {
  let cluster: TestCluster;
  let fake: FakeInstance | undefined;
  afterEach(async () => {
    fake?.close();
    await cluster.close();
  });

  const start = async (size: number, auth: Partial<AuthOptions> = {}): Promise<void> => {
    cluster = await givenCluster()
      .of(size)
      .with(SessionGateway, ChatSessionGateway)
      .configured({ auth: { ...JSON_TOKENS, ...auth } })
      .start();
    await untilMembersKnown(cluster);
  };
  const sessionOf = async (options: ConnectOptions): Promise<unknown> =>
    (await cluster.instance(0).connect(options)).ask('which session');

  it('is that of the token, in every namespace', async () => {
    await start(1);
    expect(await sessionOf({ token: alice({ sessionId: 7, sid: 'x' }) })).toBe('7');
    expect(await sessionOf({ token: alice({ sid: 'x' }), namespace: '/chat' })).toBe('x');
    expect(await sessionOf({})).toBeNull();
  });

  it('is the connection if the token has none: its sockets in all namespaces, and not the id of Engine.IO', async () => {
    await start(1);
    const client = await cluster.instance(0).connect({ token: alice() });
    const chat = client.socket.io.socket('/chat', { auth: { token: alice() } });
    const session = await client.ask('which session');

    expect(await chat.emitWithAck('which session')).toBe(session);
    expect(session).not.toBe(client.socket.io.engine.id);
    expect(await sessionOf({ token: alice() })).not.toBe(session);
  });

  it.each<[string, Partial<Identity>]>([
    ['is too long', { sessionId: 'x'.repeat(257) }],
    ['is no text', { sessionId: {} as never }],
    ['is empty', { sid: '' }],
  ])(
    'is invalid for a client whose session id %s: it is refused, and only the log says why',
    async (_, claims) => {
      await start(1);
      expect(await cluster.instance(0).refusal({ token: alice(claims) })).toEqual({
        message: 'Authentication failed',
        data: { code: 'auth.failed' },
      });
      expect(cluster.instance(0).counts).toEqual({ 'auth.failed': 1 });
      expect(cluster.logger.matching(/^warn auth\.failed: .*sessionId \(or sid\)/)).toHaveLength(1);
    },
  );

  it('stays the same with a new token: one of another session is refused', async () => {
    await start(1);
    const client = await cluster.instance(0).connect({ token: alice({ sid: 's1' }) });
    const refresh = (claims: Partial<Identity>) => client.ask('auth:refresh', alice(claims));

    expect(await refresh({})).toEqual({ ok: true, expiresAt: null });
    expect(await client.ask('which session')).toBe('s1');
    expect(await refresh({ sid: 's2' })).toEqual({ ok: false, code: 'auth.session-mismatch' });
    expect(await refresh({ sid: 's1' })).toEqual({ ok: true, expiresAt: null });
    expect(await client.ask('which session')).toBe('s1');
    expect(cluster.instance(0).counts).toEqual({ 'auth.session-mismatch': 1 });
  });

  it('is listed with its sockets, on all instances and in all namespaces, without credentials', async () => {
    const before = Date.now();
    await start(3, { clientAddress: ({ handshake }) => String(handshake.headers['x-address']) });
    const phone = alice({ sid: 'phone' });
    const extraHeaders = { 'user-agent': 'test/1', 'x-address': '192.0.2.7', cookie: 'sid=1' };
    const a = await cluster.instance(0).connect({ token: phone, extraHeaders });
    const b = await cluster.instance(1).connect({ token: phone, namespace: '/chat' });
    const c = await cluster
      .instance(1)
      .connect({ auth: { token: alice({ sid: 'laptop' }), metadata: { os: 'x' } } });
    await cluster.instance(1).connect({ token: tokenFor({ userId: 'bob', sid: 'phone' }) });
    await cluster.instance(2).connect();
    const sessions = sessionsOf(cluster.instance(2));

    const { items, ...rest } = await sessions.sessions('alice');

    expect(rest).toEqual({ missing: [], complete: true });
    const [first, second] = cluster.instances.map(instanceIdOf);
    const found = new Map(items.map((item) => [item.socketId, item]));
    expect(items).toHaveLength(3);
    expect(found.get(a.id)).toEqual({
      sessionId: 'phone',
      socketId: a.id,
      namespace: '/',
      instanceId: first,
      connectedAt: expect.any(Number),
      address: '192.0.2.7',
      userAgent: 'test/1',
      metadata: null,
    });
    expect(found.get(b.id)).toMatchObject({
      sessionId: 'phone',
      namespace: '/chat',
      instanceId: second,
      address: 'undefined',
      userAgent: null,
    });
    expect(found.get(c.id)).toMatchObject({ sessionId: 'laptop', metadata: { os: 'x' } });
    for (const { connectedAt } of items) {
      expect(connectedAt).toBeGreaterThanOrEqual(before);
      expect(connectedAt).toBeLessThanOrEqual(Date.now());
    }
    expect(inAnyOrder((await sessions.sessions('alice', { namespace: 'chat' })).items)).toEqual([
      found.get(b.id),
    ]);
    expect((await sessionsOf(cluster.instance(0)).sessions('alice')).items).toHaveLength(3);
    expect(await sessions.sessions('nobody')).toEqual({ items: [], missing: [], complete: true });
  });

  it('is listed as it was authenticated, whatever the app does with socket.auth', async () => {
    await start(1);
    const client = await cluster.instance(0).connect({ token: alice({ sid: 'phone' }) });
    const [socket] = cluster.instance(0).state.get('alice') as [AuthenticatedSocket];
    socket.auth = null;

    const { items } = await sessionsOf(cluster.instance(0)).sessions('alice');

    expect(items).toMatchObject([{ sessionId: 'phone', socketId: client.id }]);
  });

  it('is listed with the id of its connection if the token has none', async () => {
    await start(1);
    fake = await FakeInstance.memberOf(cluster);
    await cluster.instance(0).connect({ token: alice({ sid: 'phone' }) });
    const listed = sessionsOf(cluster.instance(0)).sessions('alice');
    await fake.answer(await fake.asked(), { error: 'failed' });

    expect(await listed).toMatchObject({
      items: [{ sessionId: 'phone' }],
      missing: [fake.instanceId],
      complete: false,
    });
  });
});

describe('the metadata of a session', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (auth: Partial<AuthOptions> = {}): Promise<void> => {
    cluster = await givenCluster()
      .of(2)
      .with(SessionGateway, ChatSessionGateway)
      .configured({ auth: { ...JSON_TOKENS, ...auth } })
      .start();
    await untilMembersKnown(cluster);
  };
  const metadataOf = async (userId: string): Promise<unknown[]> =>
    (await sessionsOf(cluster.instance(1)).sessions(userId)).items.map(({ metadata }) => metadata);

  it.each<[string, unknown]>([
    ['too much', { text: 'x'.repeat(1_024) }],
    ['no object', 'phone'],
    ['a list', ['phone']],
  ])(
    'is dropped if a client sends %s: the client connects, and the log says it',
    async (_, sent) => {
      await start();
      await cluster.instance(0).connect({ auth: { token: alice(), metadata: sent } });

      expect(await metadataOf('alice')).toEqual([null]);
      expect(cluster.instance(0).counts).toEqual({ 'session.metadata-dropped': 1 });
      expect(cluster.logger.matching(/^warn session\.metadata-dropped: /)).toHaveLength(1);
    },
  );

  it('is ignored without a user, and null is none', async () => {
    await start();
    await cluster.instance(0).connect({ auth: { metadata: 'phone' } });
    await cluster.instance(0).connect({ auth: { token: alice(), metadata: null } });

    expect(await metadataOf('alice')).toEqual([null]);
    expect(cluster.instance(0).counts).toEqual({});
  });

  it('is as long as the option allows', async () => {
    await start({ maxMetadataBytes: 12 });
    await cluster.instance(0).connect({ auth: { token: alice(), metadata: { a: '1234' } } });
    await cluster.instance(0).connect({
      auth: { token: tokenFor({ userId: 'bob' }), metadata: { a: '12345' } },
    });

    expect(await metadataOf('alice')).toEqual([{ a: '1234' }]);
    expect(await metadataOf('bob')).toEqual([null]);
  });

  it('can be set by the app: for one socket, or for a session on all instances', async () => {
    await start();
    const token = alice({ sid: 'phone' });
    const client = await cluster
      .instance(0)
      .connect({ auth: { token, metadata: { os: 'client says' } } });
    await cluster.instance(1).connect({ token, namespace: '/chat' });
    await cluster.instance(1).connect({ token: alice({ sid: 'laptop' }) });
    const [socket] = cluster.instance(0).state.get('alice') as [AuthenticatedSocket];
    const sessions = sessionsOf(cluster.instance(0));

    sessions.setMetadata(socket, { os: 'app says' });
    expect(inAnyOrder(await metadataOf('alice'))).toEqual([{ os: 'app says' }, null, null]);

    expect(await sessions.setSessionMetadata('phone', { device: 7 })).toEqual({
      count: 2,
      missing: [],
      complete: true,
    });
    expect(inAnyOrder(await metadataOf('alice'))).toEqual([{ device: 7 }, { device: 7 }, null]);

    sessions.setMetadata(socket, null);
    expect(inAnyOrder(await metadataOf('alice'))).toEqual([{ device: 7 }, null, null]);
    expect(await sessions.setSessionMetadata('phone', null)).toMatchObject({ count: 2 });
    expect(await sessions.setSessionMetadata('nobody', null)).toMatchObject({ count: 0 });
    expect(await metadataOf('alice')).toEqual([null, null, null]);
    expect(client.received).toEqual([]);
  });

  it('is refused if the app sets an invalid value', async () => {
    await start();
    const sessions = sessionsOf(cluster.instance(0));
    await cluster.instance(0).connect({ token: alice({ sid: 'phone' }) });
    const [socket] = cluster.instance(0).state.get('alice') as [AuthenticatedSocket];
    const invalid = { code: 'session.metadata-invalid' };
    const set = async (metadata: unknown) => sessions.setMetadata(socket, metadata as never);
    const tooMuch = { text: 'x'.repeat(1_024) };

    await expect(set(tooMuch)).rejects.toMatchObject(invalid);
    await expect(set('phone')).rejects.toMatchObject(invalid);
    await expect(sessions.setSessionMetadata('phone', tooMuch)).rejects.toMatchObject(invalid);
    expect(await metadataOf('alice')).toEqual([null]);
    expect(cluster.instance(0).counts).toEqual({ 'emit.refused': 1 });
  });

  it('may be larger on a worker, which has no sockets and no limit: the instances refuse it', async () => {
    await start();
    await cluster.instance(0).connect({ token: alice({ sid: 'phone' }) });
    const worker = (await cluster.startWorker()).get(SessionService);

    expect(await worker.setSessionMetadata('phone', { device: 7 })).toMatchObject({ count: 1 });
    const { count, missing } = await worker.setSessionMetadata('phone', { a: 'x'.repeat(1_024) });

    expect({ count, missing: inAnyOrder(missing) }).toEqual({
      count: 0,
      missing: inAnyOrder(cluster.instances.map(instanceIdOf)),
    });
    expect(await metadataOf('alice')).toEqual([{ device: 7 }]);
  });
});

describe('wrong arguments', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('are refused, and nothing is done', async () => {
    cluster = await givenCluster().of(1).with(SessionGateway).start();
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const sessions = sessionsOf(cluster.instance(0));
    const calls = [
      sessions.sessions(''),
      sessions.sessions('alice', { namespace: 5 as never }),
      sessions.revokeUser(null as never),
      sessions.revokeUser('alice', { exceptSessionId: {} as never }),
      sessions.revokeUser('alice', { reason: 5 as never }),
      sessions.revokeSession(''),
      sessions.revokeSession('x'.repeat(257)),
      sessions.setSessionMetadata(undefined as never, {}),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'target.invalid' });

    expect(cluster.instance(0).counts).toEqual({ 'emit.refused': calls.length });
    await cluster.settled(client);
    expect(client.received).toEqual([]);
  });
});
