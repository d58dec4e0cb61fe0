import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LoginResponse, SessionView } from '../../../examples/chat/shared/http.js';
import { TestClient } from '../../support/test-client.js';
import { hmacToken, secondsFromNow } from '../../support/hmac-token.js';
import { until } from '../../support/until.js';
import { ChatApp } from './support/chat-app.js';

const claims = () => ({
  iss: 'chat.example',
  sub: 'alice',
  sid: 'a-login',
  iat: secondsFromNow(0),
  exp: secondsFromNow(60),
});

describe('examples/chat: authentication', () => {
  let app: ChatApp;
  beforeAll(async () => {
    app = await ChatApp.start({ DEMO_TOKEN_SECONDS: '90' });
  });
  afterAll(() => app.close());
  afterEach(() => app.disconnectAll());

  const refusal = async (token?: string): Promise<unknown> => {
    const client = TestClient.open(app.url(0), token === undefined ? {} : { token });
    return client
      .connected()
      .then(
        () => 'let in',
        ({ data }: { data?: { code?: string } }) => data?.code,
      )
      .finally(() => client.close());
  };

  it('a token of one instance is valid in the namespaces of both, and shows which user connects where', async () => {
    const before = Date.now();
    const alice = await app.logIn(' Alice ');
    expect(alice.user).toEqual({ id: 'alice', name: 'Alice' });
    expect(alice.expiresAt - before).toBeGreaterThan(88_000);

    for (const [instance, name] of ['one', 'two'].entries()) {
      const client = await app.connect(instance, alice, '/');
      expect(await client.waitFor('welcome')).toEqual([
        { instance: name, socketId: client.id, user: alice.user },
      ]);
    }
  });

  it.each<[what: string, body: object, status: number]>([
    ['a wrong password', { name: 'alice', password: 'guess' }, 401],
    ['an unknown user', { name: 'mallory', password: 'demo' }, 401],
    ['no password', { name: 'alice' }, 400],
    ['a name that is no text', { name: { $ne: null }, password: 'demo' }, 400],
  ])('issues no token for %s', async (_what, body, status) => {
    const response = await app.post('/auth/login', body);
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain('token');
  });

  it.each<[what: string, token: string | undefined, code: string]>([
    ['nobody', undefined, 'auth.token-missing'],
    ['signed with another secret', hmacToken(claims(), 'x'.repeat(40)), 'auth.token-rejected'],
    [
      'of another issuer',
      hmacToken({ ...claims(), iss: 'other.example' }, ChatApp.secret),
      'auth.token-rejected',
    ],
    [
      'of no login',
      hmacToken({ ...claims(), sid: undefined }, ChatApp.secret),
      'auth.token-rejected',
    ],
    [
      'that has ended',
      hmacToken({ ...claims(), exp: secondsFromNow(-1) }, ChatApp.secret),
      'auth.token-rejected',
    ],
  ])('refuses a client with a token %s', async (_what, token, code) => {
    expect(await refusal(token)).toBe(code);
  });

  it('exchanges a token for a new one of the same login, which a connected client uses', async () => {
    const token = hmacToken({ ...claims(), exp: secondsFromNow(50) }, ChatApp.secret);
    const client = await app.connect(0, { token }, '/');
    const user = { headers: { authorization: `Bearer ${token}` } } as never;

    await client.waitFor('auth:expiring');
    const refreshed = (await (
      await app.post('/auth/refresh', {}, { instance: 1, user })
    ).json()) as LoginResponse;

    expect(await client.ask('auth:refresh', refreshed.token)).toEqual({
      ok: true,
      expiresAt: refreshed.expiresAt,
    });
    expect((await app.post('/auth/refresh', {})).status).toBe(401);
  });

  it('lists the logins of a user, and ends one of them on all instances for good', async () => {
    const [laptop, phone] = [await app.logIn('bob'), await app.logIn('bob')];
    const kept = await app.connect(0, laptop, '/', 'Laptop');
    const gone = [
      await app.connect(0, phone, '/', 'Phone'),
      await app.connect(1, phone, '/chat', 'Phone'),
    ];
    const headers = laptop.headers;
    const list = async () =>
      (await (await fetch(`${app.url(1)}/auth/sessions`, { headers })).json()) as SessionView[];

    const sessions = await list();
    expect(sessions).toMatchObject([
      { device: 'Laptop', instances: ['one'], current: true },
      { device: 'Phone', current: false },
    ]);
    expect(sessions[1]?.instances.toSorted()).toEqual(['one', 'two']);

    const other = `${app.url(1)}/auth/sessions/${sessions[1]?.id}`;
    const carol = await app.logIn('carol');
    expect((await fetch(other, { method: 'DELETE', headers: carol.headers })).status).toBe(404);
    expect((await fetch(other, { method: 'DELETE', headers })).status).toBe(204);
    await until(
      () => gone.every(({ socket }) => !socket.connected),
      () => 'the phone to be disconnected',
    );

    expect(gone[1]?.data('propagator:disconnect')).toEqual([{ reason: 'logged out' }]);
    expect(kept.socket.connected).toBe(true);
    expect(await refusal(phone.token)).toBe('auth.token-rejected');
    expect((await app.post('/auth/refresh', {}, { user: phone })).status).toBe(401);
    expect(await list()).toHaveLength(1);
  });

  it('does not start if the secret is too short', async () => {
    expect(await ChatApp.failure({ JWT_SECRET: 'short' })).toContain('JWT_SECRET has to have 32');
  });
});
