import type { AuthOptions } from 'nestjs-redis-propagator';

/** FOR THE DEMO ONLY: the token is the name of the user. A real app verifies something that cannot be made up. */
export const demoAuth: AuthOptions = {
  required: true,
  authenticate: (token) => ({ userId: token }),
};
