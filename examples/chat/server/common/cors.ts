import type { Config } from '../config.js';

/**
 * A page of one instance may connect to the others, which is how a tab continues when its instance ends. Other
 * pages may not. Tokens are in headers and not in cookies, so no credentials are needed.
 */
export function corsFor({ instanceUrls }: Config): { origin: string[] } {
  return { origin: instanceUrls.map((url) => new URL(url).origin) };
}
