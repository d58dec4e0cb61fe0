import type { Socket } from 'node:net';
import type { RedisClient } from '../options/redis-options.js';
import { guarded, soon } from '../reporting/timers.js';
import { streamOf } from './ioredis-internals.js';

const ignore = (): void => {};

/**
 * ioredis listens for one error of a socket. A TLS socket may emit two, such as a refused certificate and then the
 * alert of the other side; the second would end the process.
 *
 * @internal
 */
export function outliveSocketErrors(client: RedisClient): void {
  const known = new WeakSet<Socket>();
  // A stream without listeners cannot end the process either.
  const guard = guarded(ignore, () => {
    const stream = streamOf(client);
    if (stream === undefined || known.has(stream)) return;
    known.add(stream);
    stream.on('error', ignore);
  });
  // The socket is created right after the first of these events or, behind Sentinels, some time before the second.
  client.on('connecting', () => soon(ignore, guard));
  client.on('connect', guard);
}

/**
 * Whether this client has given up its connection. After bytes that it cannot read, ioredis drops the messages that
 * came with them; later ones still arrive until the connection is closed. They are dropped and counted: the repair delivers
 * all events in order.
 *
 * @internal
 */
export function isGivenUp(client: object): boolean {
  return streamOf(client)?.writableEnded === true;
}
