import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { Socket } from 'socket.io-client';
import { Session } from '../../../examples/auth-jwt/src/client/session.js';
import { signedInSocket } from '../../../examples/auth-jwt/src/client/signed-in-socket.js';
import { Example } from '../../support/example.js';
import { hmacToken, secondsFromNow, type TokenHeader } from '../../support/hmac-token.js';
import { until } from '../../support/until.js';

const SECRET = 'a secret of the tests, with more than 32 bytes';

/** A token for alice as the example issues it, with the given claims replaced. */
function tokenWith(claims: object = {}, secret = SECRET, alg: TokenHeader['alg'] = 'HS256') {
  const issued = { iss: 'https://app.example', aud: 'app.example/sockets', sub: 'alice' };
  return hmacToken({ ...issued, exp: secondsFromNow(60), ...claims }, secret, { alg });
}

const note = (by: string, text: string) => [{ event: 'note', args: [{ by, text }] }];

/** A token that expires in a few seconds, of the login with which the session began. */
async function shortLived(session: Session): Promise<string> {
  const { sub, sid } = decodeJwt(await session.freshToken());
  return tokenWith({ sub, sid, exp: Date.now() / 1000 + 4 });
}

const connected = (socket: Socket) =>
  until(
    () => socket.connected,
    () => 'the socket to be connected',
  );

describe('examples/auth-jwt', () => {
  let example: Example;
  beforeAll(async () => {
    const env = { JWT_SECRET: SECRET };
    example = await Example.start('auth-jwt', env, env);
  });
  afterAll(() => example.close());
  afterEach(() => example.disconnectAll());

  const logIn = (name: string, password: string): Promise<Session> =>
    Session.logIn(example.url(0), name, password);

  it('issues a token for a password, which connects sockets of that user on all instances', async () => {
    const [alice, bob] = [await logIn('alice', 'wonderland'), await logIn('bob', 'builder')];
    const origin = await example.connect(0, await alice.freshToken());
    const phone = await example.connect(1, await alice.freshToken());
    const bobs = [
      await example.connect(0, await bob.freshToken()),
      await example.connect(1, await bob.freshToken()),
    ] as const;

    origin.emit('note', 'tea at five');
    await Promise.all([origin.waitFor('note'), phone.waitFor('note')]);
    bobs[1].emit('note', 'new roof');
    await Promise.all(bobs.map((client) => client.waitFor('note')));

    expect([origin, phone].map(({ received }) => received)).toEqual(
      Array(2).fill(note('alice', 'tea at five')),
    );
    expect(bobs.map(({ received }) => received)).toEqual(Array(2).fill(note('bob', 'new roof')));
  });

  it.each<[what: string, route: string, body: object]>([
    ['a wrong password', 'login', { name: 'alice', password: 'builder' }],
    ['an unknown user', 'login', { name: 'carol', password: 'wonderland' }],
    ['no password', 'login', { name: 'carol' }],
    ['a name that is no text', 'login', { name: ['alice'], password: 'wonderland' }],
    ['a token for sockets instead of a refresh token', 'refresh', { refreshToken: tokenWith() }],
    ['nothing', 'refresh', {}],
  ])('issues no token for %s', async (_what, route, body) => {
    const response = await fetch(`${example.url(0)}/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('token');
  });

  it.each<[what: string, token: string]>([
    ['signed with another secret', tokenWith({}, `${SECRET}!`)],
    ['signed with another algorithm', tokenWith({}, SECRET, 'HS512')],
    ['not signed at all', tokenWith({}, '', 'none')],
    ['of another issuer', tokenWith({ iss: 'https://other.example' })],
    ['of no issuer', tokenWith({ iss: undefined })],
    ['for another audience', tokenWith({ aud: 'app.example/reports' })],
    ['made to get other tokens with', tokenWith({ aud: 'app.example/refresh' })],
    ['of nobody', tokenWith({ sub: undefined })],
    ['that has ended', tokenWith({ exp: secondsFromNow(-1) })],
    ['that never ends', tokenWith({ exp: undefined })],
    ['that is not valid yet', tokenWith({ nbf: secondsFromNow(60) })],
    ['that is none', 'alice'],
    ['with three parts of nothing', 'a.b.c'],
  ])('refuses a token %s', async (_what, token) => {
    expect(await example.answerTo(0, token)).toBe('auth.token-rejected');
  });

  it('refuses a client without a token', async () => {
    expect(await example.answerTo(0)).toBe('auth.token-missing');
  });

  it('does not start if the secret is too short', async () => {
    expect(await Example.failure('auth-jwt', { JWT_SECRET: 'secret' })).toContain(
      'JWT_SECRET is too short',
    );
  });

  it('accepts a new token for a socket, but not of another user or another login', async () => {
    const client = await example.connect(0, tokenWith({ sid: 'first login' }));
    const exp = secondsFromNow(600);
    const refresh = (claims: object) => client.ask('auth:refresh', tokenWith({ exp, ...claims }));

    expect(await refresh({ sid: 'first login', sub: 'bob' })).toEqual({
      ok: false,
      code: 'auth.user-mismatch',
    });
    expect(await refresh({ sid: 'second login' })).toEqual({
      ok: false,
      code: 'auth.session-mismatch',
    });
    expect(await refresh({ sid: 'first login' })).toEqual({ ok: true, expiresAt: exp * 1000 });
  });

  describe('a socket whose token expires', () => {
    const open: Socket[] = [];
    afterEach(() => {
      for (const socket of open.splice(0)) socket.disconnect();
      jest.restoreAllMocks();
    });

    /** The client of the example. Its first token expires soon, then it gets those of `next`. */
    const clientThat = (first: string, next: () => Promise<string>): Socket => {
      const tokens = [() => Promise.resolve(first)];
      const socket = signedInSocket(example.url(0), () => (tokens.shift() ?? next)());
      open.push(socket);
      return socket;
    };

    it('stays connected with a new token, and is disconnected without one', async () => {
      const session = await logIn('alice', 'wonderland');
      const refreshing = clientThat(await shortLived(session), () => session.freshToken());
      await connected(refreshing);
      const { id } = refreshing;
      const passive = await example.connect(0, await shortLived(session));

      await until(
        () => !passive.socket.connected,
        () => 'the token to end',
      );

      expect(passive.events).toEqual(['auth:expiring', 'propagator:disconnect']);
      expect(passive.data('propagator:disconnect')).toEqual([{ reason: 'auth.expired' }]);
      const phone = await example.connect(1, tokenWith());
      phone.emit('note', 'still here');
      await new Promise((resolve) => refreshing.once('note', resolve));
      expect(refreshing.id).toBe(id);
    });

    it('reconnects with a new token if it did not get one in time', async () => {
      const session = await logIn('alice', 'wonderland');
      const warn = jest.spyOn(console, 'warn').mockReturnValue();
      const none = [() => Promise.reject(new Error('offline'))];
      const socket = clientThat(await shortLived(session), () =>
        (none.shift() ?? (() => session.freshToken()))(),
      );
      await connected(socket);
      const { id } = socket;

      await until(
        () => socket.connected && socket.id !== id,
        () => 'the socket to come back',
      );

      expect(warn.mock.calls).toEqual([['No new token', new Error('offline')]]);
    });
  });
});
