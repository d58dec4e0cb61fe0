/**
 * FOR THE DEMO ONLY. A real app has its users in a database, with hashes of their passwords (argon2, scrypt), and
 * limits the number of attempts.
 */
const PASSWORDS = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
]);

export function isDemoUser(name: unknown, password: unknown): name is string {
  return typeof name === 'string' && PASSWORDS.has(name) && PASSWORDS.get(name) === password;
}
