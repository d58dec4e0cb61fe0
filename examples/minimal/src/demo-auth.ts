import type { AuthOptions } from 'nestjs-redis-propagator';

/**
 * FOR THE DEMO ONLY: the token is the name of the user, and a token that begins with `bad` is refused. A real app
 * verifies something that cannot be made up: a signed token, or a session.
 */
export const demoAuth: AuthOptions = {
  authenticate: (token) => (token.startsWith('bad') ? null : { userId: token }),
};
