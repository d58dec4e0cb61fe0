import { describe, expect, it } from '@jest/globals';
import { serverNameOf } from '../../../src/channels/server-name.js';
import { InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';

const named = (name: string | undefined) =>
  Object.assign(new InMemoryPubSub(), { serverOf: () => name });

describe('the name of a server', () => {
  it('is the one that the transport gives, also none', () => {
    expect(serverNameOf(named('10.0.0.1:6379'), 'c')).toBe('10.0.0.1:6379');
    expect(serverNameOf(named(undefined), 'c')).toBeUndefined();
    expect(serverNameOf(Object.assign(named('x'), { serverOf: undefined }), 'c')).toBe('transport');
  });

  it('fits into a record: a longer one has a short name, the same at all instances', () => {
    const [long, other] = ['x'.repeat(100_000), 'y'.repeat(100_000)];
    const short = serverNameOf(named(long), 'c');
    expect(short?.length).toBeLessThanOrEqual(300);
    expect(serverNameOf(named(long), 'c')).toBe(short);
    expect(serverNameOf(named(other), 'c')).not.toBe(short);
  });
});
