import { describe, expect, it } from '@jest/globals';
import { PropagatorError } from '../../../src/index.js';
import { asPropagatorError } from '../../../src/redis/redis-error.js';

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

describe('errors of ioredis', () => {
  it.each([
    ['Connection is closed.', 'redis.unavailable'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'redis.unavailable'],
    ['connect ECONNREFUSED 127.0.0.1:6379', 'redis.unavailable'],
    ['read ECONNRESET', 'redis.unavailable'],
    ['write EPIPE', 'redis.unavailable'],
    ['Unknown RESP type 255 "ÿ". Please report this.', 'redis.unavailable'],
    ['Protocol error, got "H" as reply type byte. Please report this.', 'redis.unavailable'],
    ['getaddrinfo ENOTFOUND redis.invalid', 'redis.unavailable'],
    ["Cluster isn't ready and enableOfflineQueue options is false", 'redis.unavailable'],
    ['LOADING Redis is loading the dataset in memory', 'redis.unavailable'],
    ['BUSY Redis is busy running a script. You can only call SCRIPT KILL.', 'redis.unavailable'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'redis.unavailable'],
    ['ERR max number of clients reached', 'redis.unavailable'],
    ['CLUSTERDOWN Hash slot not served', 'redis.unavailable'],
    ['NOAUTH Authentication required.', 'redis.unavailable'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'redis.unavailable'],
    ["NOPERM User app has no permissions to run the 'publish' command", 'redis.permission'],
    ['NOPERM No permissions to access a channel', 'redis.permission'],
    ["ERR unknown command 'SPUBLISH'", 'redis.command-failed'],
    ['OOM command not allowed', 'redis.command-failed'],
    // Only a reply that starts with the word has this meaning.
    ['ERR the value LOADING is not allowed', 'redis.command-failed'],
  ])('%j gets the code %s, and keeps the message and the cause', (message, code) => {
    const thrown = named('ReplyError', message);
    const error = asPropagatorError(thrown, 'PUBLISH', 'orders');
    expect(error).toBeInstanceOf(PropagatorError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.cause).toBe(thrown);
  });

  it('become "unavailable" when ioredis gave up a command', () => {
    const thrown = named('MaxRetriesPerRequestError', 'Reached the limit');
    expect(asPropagatorError(thrown, 'PUBLISH', 'a').code).toBe('redis.unavailable');
  });

  it('are converted once for all commands of a connection that ends', () => {
    const closed = named('Error', 'Connection is closed.');
    const error = asPropagatorError(closed, 'PUBLISH', 'orders');
    expect(asPropagatorError(closed, 'SPUBLISH', 'news')).toBe(error);
    const inOtherWords = asPropagatorError(closed, 'PING', undefined, undefined, 'Nothing is kept');
    expect(inOtherWords).not.toBe(error);
    // Errors that name the command or the channel are not shared.
    const refusal = named('ReplyError', 'NOPERM No permissions to access a channel');
    expect(asPropagatorError(refusal, 'PUBLISH', 'orders').message).toContain('&orders');
    expect(asPropagatorError(refusal, 'PUBLISH', 'news').message).toContain('&news');
  });

  it('name the missing permission', () => {
    const { message } = asPropagatorError(new Error('NOPERM no'), 'SPUBLISH', 'orders');
    expect(message).toContain('+spublish and access to the channel (such as &orders)');
  });

  it('are left alone if they are errors of this library, and need not be an Error', () => {
    const ours = PropagatorError.of('redis.closed', []);
    expect(asPropagatorError(ours, 'PUBLISH', 'a')).toBe(ours);
    expect(asPropagatorError('just words', 'PUBLISH', 'a').message).toContain('just words');
    expect(asPropagatorError(undefined, 'PUBLISH', 'a').code).toBe('redis.command-failed');
  });
});
