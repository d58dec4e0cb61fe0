import { describe, expect, it } from '@jest/globals';
import {
  PROPAGATOR_ERROR_CODES,
  PropagatorError,
  reasonOf,
  type PropagatorErrorCode,
} from '../../src/errors.js';

/** An error of each code, the names in its message, and the words that say what to do. */
const samples: Record<PropagatorErrorCode, { error: PropagatorError; says: string[] }> = {
  'option.invalid': {
    error: PropagatorError.of('option.invalid', ['prefix', '""', 'Use letters.']),
    says: ['"prefix"', '""', 'Use letters.'],
  },
  'option.unknown': {
    error: PropagatorError.of('option.unknown', ['redsi', 'redis, prefix']),
    says: ['"redsi"', 'Known options: redis, prefix'],
  },
  'module.missing': {
    error: PropagatorError.of('module.missing', []),
    says: ['SocketStateAdapter', 'Add RedisPropagatorModule.forRoot() to the imports'],
  },
  'module.not-configured': {
    error: PropagatorError.of('module.not-configured', []),
    says: ['without forRoot()', 'once, in the root module', 'Feature modules need no import'],
  },
  'module.twice': {
    error: PropagatorError.of('module.twice', [2]),
    says: ['configured 2 times', 'Keep one of them, in the root module', 'isGlobal: false'],
  },
  'adapter.missing': {
    error: PropagatorError.of('adapter.missing', ['ChatGateway', 'IoAdapter', 'nothing works']),
    says: [
      'ChatGateway',
      'by IoAdapter',
      'nothing works',
      'app.useWebSocketAdapter(new SocketStateAdapter(app)) before',
    ],
  },
  'contract.not-applied': {
    error: PropagatorError.of('contract.not-applied', [
      'ChatGateway.say',
      '@SubscribeMessage("say") does not validate',
      'Write @On("say").',
    ]),
    says: ['ChatGateway.say', 'does not validate', 'Write @On("say").'],
  },
  'app.not-started': {
    error: PropagatorError.of('app.not-started', []),
    says: ['has not started', 'Await app.init()', 'onApplicationBootstrap'],
  },
  'context.not-ws': {
    error: PropagatorError.of('context.not-ws', ['WsAuthGuard', 'http']),
    says: ['WsAuthGuard', '"http"', 'Use it in gateways only'],
  },
  'event.invalid-name': {
    error: PropagatorError.of('event.invalid-name', ['undefined']),
    says: ['undefined', "Pass { event: 'my-event', data }"],
  },
  'event.reserved-name': {
    error: PropagatorError.of('event.reserved-name', ['disconnect']),
    says: ['"disconnect"', 'Choose another name'],
  },
  'event.not-in-contract': {
    error: PropagatorError.of('event.not-in-contract', ['sayd', '/chat']),
    says: ['"sayd"', '"/chat"', 'Add it to defineEvents()'],
  },
  'event.invalid-data': {
    error: PropagatorError.of('event.invalid-data', ['said', 'data.id: not a number']),
    says: ['"said"', 'data.id: not a number', 'Pass data that its schema accepts'],
  },
  'event.unserialisable': {
    error: PropagatorError.of('event.unserialisable', ['order', 'a cycle']),
    says: ['"order"', 'a cycle', 'Remove cycles, convert BigInt to string'],
  },
  'event.too-large': {
    error: PropagatorError.of('event.too-large', ['order', 2048, 1024]),
    says: ['"order"', '2048', '1024', 'Send less, or raise the option maxMessageBytes'],
  },
  'target.invalid': {
    error: PropagatorError.of('target.invalid', ['userId', 'null', 'Pass a string.']),
    says: ['userId', 'null', 'Pass a string.'],
  },
  'name.too-long': {
    error: PropagatorError.of('name.too-long', ['room', '"xx..."', 256]),
    says: ['room', '"xx..."', 'more than 256 bytes', 'raise the option limits.nameBytes'],
  },
  'session.metadata-invalid': {
    error: PropagatorError.of('session.metadata-invalid', ['it is not a plain object']),
    says: ['not a plain object', 'raise the option auth.maxMetadataBytes'],
  },
  'redis.unavailable': {
    error: PropagatorError.of('redis.unavailable', ['connect ECONNREFUSED']),
    says: ['connect ECONNREFUSED', 'Retry when', 'check the option "redis"'],
  },
  'redis.timeout': {
    error: PropagatorError.of('redis.timeout', ['PUBLISH', 5000]),
    says: ['PUBLISH', '5000 ms', 'Check the load of Redis', 'raise the option'],
  },
  'redis.permission': {
    error: PropagatorError.of('redis.permission', [
      'PUBLISH',
      'NOPERM',
      'Grant the ACL user +publish.',
    ]),
    says: ['PUBLISH', 'NOPERM', 'Grant the ACL user +publish.'],
  },
  'redis.database': {
    error: PropagatorError.of('redis.database', ['99', 'ERR DB index is out of range']),
    says: ['refused database 99', 'ERR DB index', 'Write one that it has in the option "redis"'],
  },
  'redis.tls': {
    error: PropagatorError.of('redis.tls', ['at a:1 does not speak TLS', 'Write redis://.']),
    says: ['Redis at a:1 does not speak TLS. Write redis://.'],
  },
  'redis.no-writes': {
    error: PropagatorError.of('redis.no-writes', ['OOM', 'Raise maxmemory.']),
    says: ['Redis accepts no writes (OOM)', 'unknown at the moment', 'Raise maxmemory.'],
  },
  'redis.wrong-server': {
    error: PropagatorError.of('redis.wrong-server', ['no Cluster', 'ERR no', 'Write a URL.']),
    says: ['The server of the option "redis" is no Cluster (ERR no). Write a URL.'],
  },
  'redis.unsupported-client': {
    error: PropagatorError.of('redis.unsupported-client', ['ioredis 9.0.0', 'Cluster.slots']),
    says: ['ioredis 9.0.0', 'Cluster.slots', 'Install ioredis 5 or 6'],
  },
  'redis.not-heard': {
    error: PropagatorError.of('redis.not-heard', [true]),
    says: ['a primary and its replica', 'Connect both to the primary', 'option "redis"'],
  },
  'redis.command-failed': {
    error: PropagatorError.of('redis.command-failed', ['PUBLISH', 'ERR no such thing']),
    says: ['PUBLISH', 'ERR no such thing', 'Check that'],
  },
  'outbox.full': {
    error: PropagatorError.of('outbox.full', ['ECONNREFUSED']),
    says: ['ECONNREFUSED', 'Send less', 'raise the option "outbox"'],
  },
  'outbox.expired': {
    error: PropagatorError.of('outbox.expired', [30_000, 'ECONNREFUSED']),
    says: ['30000 ms', 'ECONNREFUSED', 'Bring Redis back'],
  },
  'redis.closed': {
    error: PropagatorError.of('redis.closed', []),
    says: ['shutting down', 'Emit before'],
  },
  'presence.unavailable': {
    error: PropagatorError.of('presence.unavailable', []),
    says: ['switched off', 'Leave out "presence: false"'],
  },
  'presence.status-invalid': {
    error: PropagatorError.of('presence.status-invalid', ['""', 256]),
    says: ['at most 256 bytes', 'got ""', 'or null for none'],
  },
  'message.unserialisable': {
    error: PropagatorError.of('message.unserialisable', ['prices', 'a cycle']),
    says: ['"prices"', 'a cycle', 'Pass JSON data, or bytes'],
  },
};

describe('PropagatorError', () => {
  it.each(PROPAGATOR_ERROR_CODES)('says for %s what happened, what to do, and the code', (code) => {
    const { error, says } = samples[code];
    for (const words of says) expect(error.message).toContain(words);
    expect(error.message.endsWith(`[${code}]`)).toBe(true);
    expect(error).toBeInstanceOf(Error);
    expect({ name: error.name, code: error.code }).toEqual({ name: 'PropagatorError', code });
  });

  it('has a list of codes that cannot be changed', () => {
    expect([...PROPAGATOR_ERROR_CODES].sort()).toEqual(Object.keys(samples).sort());
    expect(Object.isFrozen(PROPAGATOR_ERROR_CODES)).toBe(true);
  });

  it('keeps the cause, if there is one', () => {
    const cause = new Error('the cause');
    expect(PropagatorError.of('redis.closed', [], cause).cause).toBe(cause);
    expect('cause' in PropagatorError.of('redis.closed', [])).toBe(false);
  });
});

describe('reasonOf', () => {
  it.each([
    ['an error', new TypeError('no such thing'), 'no such thing'],
    [
      'an error without a message',
      Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    ['an error without anything', new TypeError(''), 'TypeError'],
    ['a string', 'just words', 'just words'],
    ['nothing', undefined, 'undefined'],
  ])('finds words for %s', (_, thrown, words) => {
    expect(reasonOf(thrown)).toBe(words);
  });
});
