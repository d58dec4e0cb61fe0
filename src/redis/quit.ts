import type { RedisClient } from '../options/redis-options.js';

const CLOSE_TIMEOUT_MS = 1_000;

/** Sends QUIT if Redis replies, and otherwise just disconnects. */
export async function quit(client: RedisClient): Promise<void> {
  if (client.status === 'ready') await bounded(client.quit().catch(() => undefined));
  client.disconnect();
}

/** A Redis that does not reply must not delay the end or the start of an app. */
export async function bounded(
  work: Promise<unknown>,
  timeoutMs: number = CLOSE_TIMEOUT_MS,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}
