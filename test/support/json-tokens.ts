import type { AuthOptions, Identity } from '../../src/index.js';

/** Tokens that say themselves whom they stand for. */
export function tokenFor(identity: Identity): string {
  return JSON.stringify(identity);
}

/** What reads such tokens; `bad` is refused. */
export const JSON_TOKENS: AuthOptions = {
  authenticate: (token) => (token === 'bad' ? null : (JSON.parse(token) as Identity)),
};
