import type { AuthOptions, Identity } from '../../src/index.js';

/** Unsigned tokens that contain the user id. */
export function tokenFor(identity: Identity): string {
  return JSON.stringify(identity);
}

/** Reads such tokens; `bad` is refused. */
export const JSON_TOKENS: AuthOptions = {
  authenticate: (token) => (token === 'bad' ? null : (JSON.parse(token) as Identity)),
};
