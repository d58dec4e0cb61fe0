import type { Config } from '../config.js';

/**
 * A page of one instance may talk to the others: that is how a tab goes on when its instance ends. Nobody else's pages
 * may. Tokens are in headers and not in cookies, so no credentials are needed.
 */
export function corsFor({ instanceUrls }: Config): { origin: string[] } {
  return { origin: instanceUrls.map((url) => new URL(url).origin) };
}
