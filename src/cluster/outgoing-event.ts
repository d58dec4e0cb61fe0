import { PropagatorError } from '../errors.js';
import { isEncodableList } from '../wire/envelope.js';
import type { SendFlags } from './packet-writer.js';

/** An event to send. @internal */
export interface OutgoingEvent extends Partial<SendFlags> {
  readonly namespace: string;
  /** The event's name and its arguments. */
  readonly data: unknown[];
  /** Rooms (a socket's id is one) whose sockets do not get it. */
  readonly except?: readonly string[];
  /** Refuse it where Redis cannot take it now, rather than keep it. */
  readonly failFast?: boolean;
  /** Narrows the target down to the sockets of these rooms. */
  readonly rooms?: readonly string[];
}

/** @throws PropagatorError `target.invalid` @internal */
export function checkLists(lists: Readonly<Record<'except' | 'rooms', readonly string[]>>): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length === 0 || isEncodableList(list)) continue;
    throw PropagatorError.of('target.invalid', [
      name,
      `${list.length} names`,
      'Pass at most 65535 names of at most 65535 bytes each.',
    ]);
  }
}
