import { describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { shown } from '../../../src/options/checks.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const SECRET = 'hunter2';

function messageOf(options: unknown): string {
  try {
    resolveOptions(options as RedisPropagatorOptions, new MemoryLogger());
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('these options were accepted');
}

describe('passwords and tokens', () => {
  it.each<unknown>([
    `redsi://user:${SECRET}@host:6379`,
    `redis+tls://user:${SECRET}@host:6379`,
    `http2://:${SECRET}@host`,
    ` redsi://user:${SECRET}@host`,
    `//user:${SECRET}@host:6379`,
    `user:${SECRET}@host:6379`,
    `redsi://user:with@and/${SECRET}@host`,
    `redsi://host/0?password=${SECRET}`,
    `redsi://host/0?db=1&sentinelPassword=${SECRET}&x=1`,
    { url: `redsi://user:${SECRET}@host` },
    { url: `redis://user:${SECRET}@host`, password: `other-${SECRET}` },
    { url: 'redsi://host', password: SECRET },
    { url: 'redsi://host', sentinelPassword: SECRET },
    { url: 'x', deep: [{ list: [`see redis://user:${SECRET}@host`] }] },
    { url: 'x', tls: { key: SECRET, passphrase: SECRET } },
    { url: 'x', apiToken: SECRET, clientSecret: SECRET, auth: SECRET, pwd: SECRET },
    [`redis://user:${SECRET}@host`],
    { publisher: { options: { password: SECRET } }, subscriber: {} },
    { nodes: `redis://user:${SECRET}@host` },
    { nodes: { password: SECRET } },
  ])('do not appear in the error about the option redis: %j', (redis) => {
    expect(messageOf({ redis })).not.toContain(SECRET);
  });

  it('do not appear in the errors about other options', () => {
    expect(messageOf({ logger: { token: SECRET } })).not.toContain(SECRET);
    expect(messageOf(`redis://user:${SECRET}@host`)).not.toContain(SECRET);
    expect(messageOf({ auth: { authenticate: { secret: SECRET } } })).not.toContain(SECRET);
    expect(messageOf({ pubSub: { url: `nats://me:${SECRET}@host` } })).not.toContain(SECRET);
  });

  it('are masked, and the rest is shown', () => {
    expect(shown(`redsi://user:${SECRET}@host:6379`)).toBe('"redsi://user:***@host:6379"');
    expect(shown({ host: 'h', password: SECRET })).toBe('{"host":"h","password":"***"}');
  });
});

describe('a value in an error message', () => {
  it('is shortened if it is long', () => {
    expect(shown('x'.repeat(5000)).length).toBeLessThan(200);
    expect(shown({ list: Array.from({ length: 5000 }, (_, index) => index) }).length).toBeLessThan(
      200,
    );
  });

  it('is shown if it cannot be serialised', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(shown(cycle)).toContain('{"self":{"self":');
    expect(shown({ big: 1n })).toBe('{"big":1n}');
    expect(shown({ toJSON: () => undefined })).toBe('undefined');
  });
});
