import { DEMO_PASSWORD, DEMO_USERS } from '../../shared/rules.js';
import type { User } from '../../shared/model.js';

/**
 * FOR THE DEMO ONLY. A real app has its users in a database, with hashes of their passwords (argon2, scrypt), and
 * limits the number of attempts.
 */
const USERS: ReadonlyMap<string, User> = new Map(
  DEMO_USERS.map((id) => [id, { id, name: id.charAt(0).toUpperCase() + id.slice(1) }]),
);

/** The user with this password, or undefined. */
export function userWith(name: string, password: string): User | undefined {
  return password === DEMO_PASSWORD ? USERS.get(name.trim().toLowerCase()) : undefined;
}

export function isUser(id: string): boolean {
  return USERS.has(id);
}

/** A deleted user is shown by id. */
export function userOf(id: string): User {
  return USERS.get(id) ?? { id, name: id };
}
