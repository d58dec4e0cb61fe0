import { DEMO_PASSWORD, DEMO_USERS } from '../../shared/rules.js';
import type { User } from '../../shared/model.js';

/**
 * FOR THE DEMO ONLY. A real app has its users in a database, with hashes of their passwords (argon2, scrypt), and
 * bounds how often somebody may try.
 */
const USERS: ReadonlyMap<string, User> = new Map(
  DEMO_USERS.map((id) => [id, { id, name: id.charAt(0).toUpperCase() + id.slice(1) }]),
);

/** Nobody with that password, or the user. */
export function userWith(name: string, password: string): User | undefined {
  return password === DEMO_PASSWORD ? USERS.get(name.trim().toLowerCase()) : undefined;
}

export function isUser(id: string): boolean {
  return USERS.has(id);
}

/** One who is no user any more goes by the id. */
export function userOf(id: string): User {
  return USERS.get(id) ?? { id, name: id };
}
