import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { type PropagatorError, type RedisPropagatorOptions } from '../../../src/index.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolve = (options: unknown) =>
  resolveOptions(options as RedisPropagatorOptions, new MemoryLogger());

function refusalOf(options: unknown): string {
  try {
    resolve(options);
  } catch (error) {
    const { code, message } = error as PropagatorError;
    return `${code} ${message}`;
  }
  return 'accepted';
}

const authenticate = () => null;
const refused = (option: string, word = '') =>
  expect.stringMatching(new RegExp(`^option\\.invalid Option "${option}".*${word}`));

describe('the address of Redis', () => {
  it.each<[string, unknown, string]>([
    ['an empty host', { host: '' }, 'redis\\.host'],
    ['a blank host', { host: ' ' }, 'redis\\.host'],
    ['a host with a blank behind it', { host: 'redis ' }, 'redis\\.host'],
    ['a host with a port', { host: 'localhost:6379' }, 'redis\\.host'],
    ['an address with a port', { host: '10.0.0.1:6379' }, 'redis\\.host'],
    ['an address in brackets', { host: '[::1]' }, 'redis\\.host'],
    ['a URL as host', { host: 'redis://localhost' }, 'redis\\.host'],
    ['a TLS URL as host', { host: 'rediss://localhost:6380/0' }, 'redis\\.host'],
    ['a host with a path', { host: 'localhost/0' }, 'redis\\.host'],
    ['a host with a user', { host: 'me@localhost' }, 'redis\\.host'],
    ['an empty path', { path: '' }, 'redis\\.path'],
    ['a URL as path', { path: 'redis://localhost' }, 'redis\\.path'],
    ['a path beside a host', { path: '/run/redis.sock', host: 'x' }, 'redis\\.host'],
    [
      'a host beside Sentinels',
      { sentinels: [{ host: 'x' }], name: 'm', host: 'y' },
      'redis\\.host',
    ],
    [
      'a path beside Sentinels',
      { sentinels: [{ host: 'x' }], name: 'm', path: '/y' },
      'redis\\.path',
    ],
    [
      'a URL among Sentinels',
      { sentinels: [{ host: 'redis://x' }], name: 'm' },
      'redis\\.sentinels\\[0\\]\\.host',
    ],
    [
      'a Sentinel with a port in its host',
      { sentinels: [{ host: 'x:26379' }], name: 'm' },
      'redis\\.sentinels\\[0\\]\\.host',
    ],
    [
      'a node with a port in its host',
      { nodes: [{ host: 'x:7000' }] },
      'redis\\.nodes\\[0\\]\\.host',
    ],
    ['a node without a host', { nodes: [{ host: '' }] }, 'redis\\.nodes\\[0\\]\\.host'],
    ['a node with a database', { nodes: ['redis://x:7000/1'] }, 'redis\\.nodes\\[0\\]'],
    ['a node with a database and no scheme', { nodes: ['x:7000/1'] }, 'redis\\.nodes\\[0\\]'],
    ['a node with another scheme', { nodes: ['http://x:7000'] }, 'redis\\.nodes\\[0\\]'],
    ['a timeout that no timer takes', { connectTimeout: 1e12 }, 'redis\\.connectTimeout'],
    ['an endless timeout', { commandTimeout: Infinity }, 'redis\\.commandTimeout'],
    ['no number', { keepAlive: NaN }, 'redis\\.keepAlive'],
  ])('is refused if it is %s', (_, redis, option) => {
    expect(refusalOf({ redis })).toEqual(refused(option));
  });

  it.each<[string, unknown]>([
    ['a name', { host: 'my_redis.internal.' }],
    ['an IPv4 address', { host: '10.0.0.1', port: '6379' }],
    ['an IPv6 address', { host: '::1' }],
    ['a path', { path: '/run/redis.sock' }],
    ['a path, with no host', { path: '/run/redis.sock', host: undefined }],
    ['nodes', { nodes: ['x:7000', 'redis://x:7001', 'redis://x:7002/0', 7003, { host: '::1' }] }],
  ])('may be %s', (_, redis) => {
    expect(refusalOf({ redis })).toBe('accepted');
  });
});

describe('a secret', () => {
  it.each<[string, unknown]>([
    ['of one character', 'x'.repeat(40)],
    ['of blanks', ' '.repeat(40)],
    ['of blanks and one character', `${' '.repeat(40)}x`],
    ['of two in turns', 'ab'.repeat(20)],
    ['of bytes that nobody has filled', Buffer.alloc(32)],
    ['in a list', ['0123456789abcdef0123456789abcdef', '0'.repeat(32)]],
  ])('is refused: %s', (_, secret) => {
    expect(refusalOf({ secret })).toEqual(refused('secret', 'openssl'));
  });
});

describe('a name in sharedHandshake', () => {
  it.each<[string, unknown, string]>([
    ['a header with a blank behind it', { headers: ['x-device '] }, 'headers'],
    ['credentials with a blank behind them', { headers: ['authorization '] }, 'headers'],
    ['a header with its value', { headers: ['x-device: phone'] }, 'headers'],
    ['a blank', { query: [' '] }, 'query'],
    ['one with a blank in front', { auth: [' device'] }, 'auth'],
    ['one that is there twice', { auth: ['device', 'device'] }, 'auth'],
    ['a header that is there twice', { headers: ['X-Device', 'x-device'] }, 'headers'],
    ['text in place of a list', { auth: 'device' }, 'auth'],
  ])('is refused: %s', (_, sharedHandshake, option) => {
    expect(refusalOf({ sharedHandshake })).toEqual(refused(`sharedHandshake\\.${option}`));
  });
});

describe('auth as an instance of a class', () => {
  class JwtAuth {
    readonly jwt = { sub: 'alice' };
    readonly required = true;
    authenticate() {
      return { userId: this.jwt.sub };
    }
    extractToken() {
      return `token of ${this.jwt.sub}`;
    }
    clientAddress() {
      return `address of ${this.jwt.sub}`;
    }
  }

  it('keeps its fields, and its methods keep `this`', async () => {
    const { auth } = resolve({ auth: new JwtAuth() });
    const socket = {} as Socket;
    expect(await auth?.authenticate('t', socket)).toEqual({ userId: 'alice' });
    expect(auth?.extractToken?.(socket)).toBe('token of alice');
    expect(auth?.clientAddress?.(socket)).toBe('address of alice');
    expect(auth?.required).toBe(true);
  });

  it('is refused for a field that looks like an option', () => {
    class Misspelt extends JwtAuth {
      readonly timeoutMS = 1_000;
    }
    expect(refusalOf({ auth: new Misspelt() })).toMatch(/^option\.unknown .*"timeoutMs"/);
    expect(refusalOf({ auth: { authenticate, jwt: 1 } })).toMatch(/^option\.unknown /);
  });
});

/** Valid objects of options. The tests replace one option with wrong values. */
const numbers: [path: string, of: (value: unknown) => object][] = [
  ...[
    'connectTimeoutMs',
    'subscribeTimeoutMs',
    'publishTimeoutMs',
    'requestTimeoutMs',
    'ackTimeoutMs',
    'heartbeatIntervalMs',
    'memberTimeoutMs',
    'maxMessageBytes',
  ].map((name): [string, (value: unknown) => object] => [name, (value) => ({ [name]: value })]),
  ...Object.entries({
    presence: ['graceMs', 'leaseMs', 'lastSeenMs'],
    outbox: ['maxEvents', 'maxBytes', 'maxAgeMs'],
    repair: ['maxBytes', 'maxAgeMs'],
    limits: ['eventsPerSecond', 'refusals', 'roomsPerSocket', 'nameBytes'],
    slowClients: ['maxBufferedBytes'],
    overload: ['eventLoopDelayMs', 'pendingPublishes'],
    shutdown: ['drainMs', 'clientsPerSecond'],
  }).flatMap(([list, names]) =>
    names.map((name): [string, (value: unknown) => object] => [
      `${list}.${name}`,
      (value) => ({ [list]: { [name]: value } }),
    ]),
  ),
  ...[
    'timeoutMs',
    'expiryWarningMs',
    'handshakesPerSecond',
    'maxSocketsPerUser',
    'revocationMs',
    'maxMetadataBytes',
  ].map((name): [string, (value: unknown) => object] => [
    `auth.${name}`,
    (value) => ({ auth: { authenticate, [name]: value } }),
  ]),
];

describe.each(numbers)('%s', (path, of) => {
  it.each<[string, unknown]>([
    ['text of the environment', '5000'],
    ['empty text', ''],
    ['no number', NaN],
    ['endless', Infinity],
    ['negative', -1],
    ['a part of one', 1.5],
    ['more than a timer takes', 1e12],
    ['null', null],
    ['a bigint', 5n],
    ['a list', [5_000]],
    ['a Promise', Promise.resolve(5_000)],
  ])('is refused if it is %s', (_, value) => {
    expect(refusalOf(of(value))).toEqual(refused(path.replace('.', '\\.')));
  });
});

describe.each([
  'auth',
  'presence',
  'outbox',
  'repair',
  'limits',
  'sharedHandshake',
  'slowClients',
  'overload',
  'shutdown',
])('%s', (list) => {
  it.each<[string, unknown]>([
    ['a list', []],
    ['a Map', new Map()],
    ['a Promise', Promise.resolve({})],
    ['a function', () => ({})],
    ['text', '{}'],
    ['true', true],
    ['a number', 1],
    ['null', null],
  ])('is refused if it is %s', (_, value) => {
    expect(refusalOf({ [list]: value })).toEqual(refused(list));
  });

  it('is refused with an unknown option', () => {
    const value = { ...(list === 'auth' && { authenticate }), nothing: 1 };
    expect(refusalOf({ [list]: value })).toMatch(
      new RegExp(`^option\\.unknown Option "${list}\\.nothing"`),
    );
  });
});
