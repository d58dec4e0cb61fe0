import type { Message } from './model.js';

type Ordered = Pick<Message, 'id' | 'at'>;

/**
 * The order of a room, for `sort`. Messages sent on two instances at the same time arrive in either order; sorted
 * by their ids they are in the same order everywhere. An id is the time in ms, "-", and a counter within that
 * millisecond.
 */
export function compareMessages(a: Ordered, b: Ordered): number {
  return a.at - b.at || countOf(a.id) - countOf(b.id);
}

function countOf(id: string): number {
  return Number(id.slice(id.indexOf('-') + 1));
}
