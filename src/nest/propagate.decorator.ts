import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { invalid } from '../options/checks.js';

/** Who is left out of an audience. */
export interface PropagateExcept {
  /**
   * The socket that asked, or the whole session that it belongs to: no tab of the same browser gets the event then.
   * @default 'socket'
   */
  readonly except?: 'socket' | 'session' | undefined;
}

/**
 * Who gets a gateway's responses, beside the client that asked: the user's other sockets, all authenticated
 * sockets of the namespace, all its sockets, nobody, or those of a room.
 */
export type PropagateAudience =
  | 'user'
  | 'authenticated'
  | 'all'
  | false
  | ({ readonly audience: 'user' | 'authenticated' | 'all' } & PropagateExcept)
  | ({
      /** The room, from the message's data and the socket that sent it; undefined: nobody. */
      // The author of a gateway knows the type of the message.
      // oxlint-disable-next-line typescript/no-explicit-any
      readonly room: (data: any, socket: AuthenticatedSocket) => string | undefined;
    } & PropagateExcept);

/** @internal */
export const PROPAGATE_METADATA = 'nestjs-redis-propagator:audience';

const AUDIENCES: ReadonlySet<unknown> = new Set(['user', 'authenticated', 'all']);
const EXCEPT: ReadonlySet<unknown> = new Set([undefined, 'socket', 'session']);

/**
 * Chooses the audience of `RedisPropagatorInterceptor`, on a gateway or on one handler (which wins). Without it the
 * audience is `'user'`.
 *
 * @throws PropagatorError `option.invalid`
 */
export function Propagate(audience: PropagateAudience): CustomDecorator {
  if (audience !== false && !AUDIENCES.has(audience) && !isDescribed(audience)) {
    throw invalid(
      '@Propagate',
      audience,
      "Write 'user', 'authenticated', 'all', false, { room: (data, socket) => name }, or { audience: 'user', except: 'session' }.",
    );
  }
  return SetMetadata(PROPAGATE_METADATA, audience);
}

function isDescribed(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  const { audience, room, except } = given as Record<string, unknown>;
  if (!EXCEPT.has(except)) return false;
  return 'room' in given
    ? typeof room === 'function' && audience === undefined
    : AUDIENCES.has(audience);
}
