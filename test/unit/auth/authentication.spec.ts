import { describe, expect, it, jest } from '@jest/globals';
import type { AuthenticatedSocket, AuthOptions, Identity } from '../../../src/index.js';
import { resolveAuth } from '../../../src/options/resolve-auth.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { isRefusal } from '../../../src/auth/auth-refusal.js';
import { Authentication } from '../../../src/auth/authentication.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const SECRET = 'the database said: no such column';

function connecting(token?: unknown, data: object = {}): AuthenticatedSocket {
  const handshake = { auth: { token }, headers: {}, query: {}, address: '192.0.2.1' };
  return { handshake, data, conn: {} } as unknown as AuthenticatedSocket;
}

async function attempt(options: AuthOptions | undefined, socket: AuthenticatedSocket) {
  const logger = new MemoryLogger();
  const reporter = new Reporter(logger);
  const authentication = new Authentication(resolveAuth(options), reporter);
  const outcome = await authentication.authenticate(socket);
  return { outcome, log: logger.lines, counts: reporter.counts() };
}

const asUser = (userId: unknown, claims: object = {}): AuthOptions => ({
  authenticate: () => ({ userId: userId as string, ...claims }),
});

const ownClaims = (claims: object): Identity => ({ ...claims, userId: 'a' });

describe('a connecting socket', () => {
  it('gets an immutable identity with claims, and the user id as a string', async () => {
    const socket = connecting('t');
    const { outcome } = await attempt(asUser(42, { role: 'admin' }), socket);
    expect(outcome).toEqual({ userId: '42', role: 'admin', sessionId: expect.any(String) });
    expect(socket.auth).toBe(outcome);
    expect(Object.isFrozen(socket.auth)).toBe(true);
    expect(socket.data).toEqual({ userId: '42' });
  });

  it('gets a claim named __proto__ as a claim, not as the prototype', async () => {
    const claims = JSON.parse('{"__proto__":{"role":"admin"},"group":1}') as object;
    const { outcome } = await attempt({ authenticate: () => ownClaims(claims) }, connecting('t'));
    expect(Object.getPrototypeOf(outcome)).toBe(Object.prototype);
    expect(Object.keys(outcome ?? {})).toEqual(
      expect.arrayContaining(['__proto__', 'group', 'userId', 'sessionId']),
    );
    expect(outcome).not.toHaveProperty('role');
  });

  it('is authenticated with its token and its socket', async () => {
    const socket = connecting('the token');
    const authenticate = jest.fn<AuthOptions['authenticate']>(async () => ({ userId: 'a' }));
    await attempt({ authenticate }, socket);
    expect(authenticate.mock.calls).toEqual([['the token', socket]]);
  });

  it.each<[string, AuthOptions | undefined, object]>([
    ["where nothing is authenticated: its data is the app's", undefined, { userId: 'u', kept: 1 }],
    ['without a token, whatever user id it brought along', asUser('never asked'), { kept: 1 }],
  ])('is anonymous %s', async (_, options, data) => {
    const socket = connecting(undefined, { userId: 'u', kept: 1 });
    const { outcome, log } = await attempt(options, socket);
    expect(outcome).toBeNull();
    expect(socket.auth).toBeNull();
    expect(socket.data).toEqual(data);
    expect(log).toEqual([]);
  });

  type Refused = [string, AuthOptions, unknown, string];
  const refusals: Refused[] = [
    [
      'without a token where one is due',
      { ...asUser('a'), required: true },
      undefined,
      'auth.token-missing',
    ],
    ['with a token that means null', { authenticate: () => null }, 'bad', 'auth.token-rejected'],
    [
      'with a token that means nothing',
      { authenticate: () => undefined },
      'bad',
      'auth.token-rejected',
    ],
    [
      'when authenticate throws',
      {
        authenticate: () => {
          throw new Error(SECRET);
        },
      },
      'bad',
      'auth.failed',
    ],
    [
      'when authenticate rejects',
      { authenticate: () => Promise.reject(new Error(SECRET)) },
      'bad',
      'auth.failed',
    ],
    [
      'when extractToken throws',
      {
        ...asUser('a'),
        extractToken: () => {
          throw new Error(SECRET);
        },
      },
      'bad',
      'auth.failed',
    ],
    ...([
      ['a Promise', () => Promise.resolve('t')],
      ['a Promise that rejects', () => Promise.reject(new Error(SECRET))],
      ['a number', () => 42],
      ['true', () => true],
      ['a list', () => ['t']],
      ['an object', () => ({ token: 't' })],
    ].map(([what, extractToken]) => [
      `when extractToken returns ${what as string}`,
      { ...asUser('a'), extractToken: extractToken as never },
      'bad',
      'auth.failed',
    ]) as Refused[]),
    [
      'with a number for a user that is not exact',
      asUser(Number('90071992547409931')),
      'bad',
      'auth.failed',
    ],
    ['with an identity without a user', asUser(undefined), 'bad', 'auth.failed'],
    ['with an identity of an empty user', asUser(''), 'bad', 'auth.failed'],
    [
      'with an identity that is no object',
      { authenticate: () => 'alice' as never },
      'bad',
      'auth.failed',
    ],
    [
      'when authenticate takes too long',
      { authenticate: () => new Promise<null>(() => {}), timeoutMs: 1 },
      'bad',
      'auth.timeout',
    ],
  ];
  it.each(refusals)(
    'is refused %s, with a code and without internals',
    async (_, options, token, code) => {
      const socket = connecting(token);
      const { outcome, log, counts } = await attempt(options, socket);
      expect(isRefusal(outcome)).toBe(true);
      const { message, data } = outcome as unknown as Error & { data: unknown };
      // Only a timeout may be temporary.
      const allowed = code === 'auth.timeout' ? ['code', 'retryAfterMs'] : ['code'];
      expect(data).toMatchObject({ code });
      expect(Object.keys(data as object)).toEqual(allowed);
      expect(message).toMatch(/^Authentication (required|failed|timed out)$/);
      expect('auth' in socket).toBe(false);
      expect(socket.data).toEqual({});
      expect(counts).toEqual({ [code]: 1 });
      expect(log).toHaveLength(1);
      // The cause goes only to the log, and the token to neither.
      expect(log[0]).toMatch(new RegExp(`^warn ${code.replace('.', '\\.')}: `));
      expect(log[0]).not.toContain('bad');
    },
  );

  it('that is refused leaves the reason in the log', async () => {
    const authenticate = () => Promise.reject(new Error(SECRET));
    const { log } = await attempt({ authenticate }, connecting('bad'));
    expect(log).toEqual([
      `warn auth.failed: authenticate threw: ${SECRET} (the client at 192.0.2.1)`,
    ]);
  });

  it('whose extractToken returns a Promise leaves the remedy in the log', async () => {
    const extractToken = (() => Promise.resolve('token')) as unknown as () => string;
    const { log } = await attempt({ ...asUser('a'), extractToken }, connecting('bad'));
    expect(log).toEqual([
      'warn auth.failed: extractToken failed: it returned a Promise. Return a string, null or undefined, and await in authenticate. (the client at 192.0.2.1)',
    ]);
  });

  it('whose user id is not exact leaves the remedy in the log', async () => {
    const { log } = await attempt(asUser(2 ** 53), connecting('bad'));
    expect(log[0]).toMatch(/above 2\^53 - 1 are not exact.*Pass a string or a bigint\./);
  });

  it('keeps the methods and getters of a class that authenticate returns, and does not change the object', async () => {
    class User {
      constructor(
        readonly name: string,
        public role: string,
      ) {}
      get userId(): string {
        return `id of ${this.name}`;
      }
      isAdmin(): boolean {
        return this.role === 'admin';
      }
    }
    const user = new User('alice', 'admin');
    const socket = connecting('t');
    await attempt({ authenticate: () => user as never }, socket);
    const auth = socket.auth as unknown as User & { sessionId: string };
    expect(auth).toBeInstanceOf(User);
    expect(auth.isAdmin()).toBe(true);
    expect(auth.userId).toBe('id of alice');
    expect(auth.sessionId).toEqual(expect.any(String));
    expect(Object.isFrozen(auth)).toBe(true);
    expect(Object.keys(user)).toEqual(['name', 'role']);
    expect(Object.isFrozen(user)).toBe(false);
  });

  it('does not keep a process alive once it is authenticated', async () => {
    jest.useFakeTimers();
    try {
      await attempt({ ...asUser('a'), timeoutMs: 5_000 }, connecting('t'));
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
