import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { invalid } from '../options/checks.js';

/** The part of an audience that is left out. */
export interface PropagateExcept {
  /**
   * The asking socket, or its whole session, so that no tab of the same browser gets the event.
   * @default 'socket'
   */
  readonly except?: 'socket' | 'session' | undefined;
}

/**
 * The audience of a gateway's responses, in addition to the asking client: the user's other sockets, all authenticated
 * sockets of the namespace, all its sockets, none, or those of a room.
 */
export type PropagateAudience =
  | 'user'
  | 'authenticated'
  | 'all'
  | false
  | ({ readonly audience: 'user' | 'authenticated' | 'all' } & PropagateExcept)
  | ({
      /** Returns the room for the message's data and its socket; undefined for no audience. */
      // The author of a gateway knows the type of the message.
      // oxlint-disable-next-line typescript/no-explicit-any
      readonly room: (data: any, socket: AuthenticatedSocket) => string | undefined;
    } & PropagateExcept);

/** @internal */
export const PROPAGATE_METADATA = 'nestjs-redis-propagator:audience';

const AUDIENCES: ReadonlySet<unknown> = new Set(['user', 'authenticated', 'all']);
const EXCEPT: ReadonlySet<unknown> = new Set([undefined, 'socket', 'session']);

/**
 * Sets the audience of `RedisPropagatorInterceptor`, on a gateway or on one handler (which takes precedence).
 * Without it the audience is `'user'`.
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
