import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { AuthenticatedSocket } from '../sockets/authenticated-socket.js';
import { invalid } from '../options/checks.js';

/**
 * Who gets a gateway's responses, beside the client that asked: the user's other sockets, all authenticated
 * sockets of the namespace, all its sockets, nobody, or those of a room.
 */
export type PropagateAudience =
  | 'user'
  | 'authenticated'
  | 'all'
  | false
  | {
      /** The room, from the message's data and the socket that sent it; undefined: nobody. */
      // The author of a gateway knows the type of the message.
      // oxlint-disable-next-line typescript/no-explicit-any
      readonly room: (data: any, socket: AuthenticatedSocket) => string | undefined;
    };

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
  const room = typeof audience === 'object' ? (audience?.room as unknown) : undefined;
  if (!AUDIENCES.has(audience) && typeof room !== 'function') {
    throw invalid(
      '@Propagate',
      audience,
      "Write 'user', 'authenticated', 'all', false, or { room: (data, socket) => name }.",
    );
  }
  return SetMetadata(PROPAGATE_METADATA, audience);
}
