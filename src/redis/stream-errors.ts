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
 * Whether this client has given up its connection. ioredis does so after bytes that it cannot read, and drops what
 * came with them; messages behind those still arrive until the connection is closed, without the lost ones. The repair
 * delivers all of them in order.
 *
 * @internal
 */
export function isGivenUp(client: unknown): boolean {
  return (client as { readonly stream?: Socket | null }).stream?.writableEnded === true;
}
