import type { AuthOptions } from 'nestjs-redis-propagator';

/**
 * FOR THE DEMO ONLY: the token is the name of the user, and whatever begins with `bad` is refused.
 * A real app verifies something that nobody can make up here: a signed token, or a session.
 */
export const demoAuth: AuthOptions = {
  authenticate: (token) => (token.startsWith('bad') ? null : { userId: token }),
};
