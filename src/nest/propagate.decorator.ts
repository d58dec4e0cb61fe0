import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import { invalid } from '../options/checks.js';

/**
 * Who gets a gateway's responses, beside the client that asked: the user's other sockets, all authenticated
 * sockets of the namespace, all its sockets, or nobody.
 */
export type PropagateAudience = 'user' | 'authenticated' | 'all' | false;

/** @internal */
export const PROPAGATE_METADATA = 'nestjs-redis-propagator:audience';

const AUDIENCES: ReadonlySet<unknown> = new Set(['user', 'authenticated', 'all', false]);

/**
 * Chooses the audience of `RedisPropagatorInterceptor`, on a gateway or on one handler (which wins). Without it the
 * audience is `'user'`.
 *
 * @throws PropagatorError `option.invalid`
 */
export function Propagate(audience: PropagateAudience): CustomDecorator {
  if (!AUDIENCES.has(audience)) {
    throw invalid('@Propagate', audience, "Write 'user', 'authenticated', 'all' or false.");
  }
  return SetMetadata(PROPAGATE_METADATA, audience);
}
