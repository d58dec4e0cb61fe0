import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { isEncodableList } from '../wire/envelope.js';

/** Flags of an event, by Socket.IO's names. */
export interface SendFlags {
  /** Skip clients that are not ready to receive. */
  readonly volatile: boolean;
  /** Compress it on connections with perMessageDeflate. */
  readonly compress: boolean;
}

/**
 * Handling of an event while Redis cannot take it. `queued` keeps it, and its promise resolves after `publishTimeoutMs`.
 * `wait` keeps it, and its promise waits for the outcome. `fail-fast` refuses it at once.
 */
export type PublishMode = 'queued' | 'wait' | 'fail-fast';

/** An event to send. @internal */
export interface OutgoingEvent extends Partial<SendFlags> {
  readonly namespace: string;
  /** The event's name and its arguments. */
  readonly data: unknown[];
  /** Rooms whose sockets do not get it; the id of a socket is a room, too. */
  readonly except?: readonly string[];
  /** Handling of the event while Redis cannot take it. */
  readonly publish?: PublishMode;
  /** Only sockets of the target that are in one of these rooms get it. */
  readonly rooms?: readonly string[];
  /** As in the envelope: a waiting event with the same key is replaced. */
  readonly latestOnly?: string | undefined;
}

/** @throws PropagatorError `target.invalid` @internal */
export function checkList(name: 'except' | 'rooms', list: readonly string[]): void {
  if (list.length === 0 || isEncodableList(list)) return;
  throw PropagatorError.of('target.invalid', [
    name,
    `${list.length} names`,
    'Pass at most 65535 names of at most 65535 bytes each.',
  ]);
}

/**
 * Checks the name of an event that Socket.IO's own API sends. A client that gets another type of name disconnects with
 * `parse error`.
 *
 * @throws PropagatorError `event.invalid-name`
 * @internal
 */
export function checkSentName([name]: readonly unknown[]): void {
  if (typeof name === 'string' || typeof name === 'number') return;
  throw PropagatorError.of('event.invalid-name', [shown(name)]);
}
