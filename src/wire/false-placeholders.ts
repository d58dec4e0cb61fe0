import { SendableCopy } from './sendable.js';

/** What Socket.IO's parser writes in place of binary data. Within a string the quotation marks would be escaped. */
const PLACEHOLDER = '"_placeholder":true';

/**
 * Whether an encoded packet has more places for binary data than binary data. Data of an app or a client may look like such a
 * place: the reader would put other data there, or find the whole packet unreadable. Without binary data it means nothing.
 *
 * @internal
 */
export function hasFalsePlaceholder(parts: readonly unknown[]): boolean {
  const [text] = parts;
  if (parts.length === 1 || typeof text !== 'string') return false;
  let places = 0;
  for (let at = text.indexOf(PLACEHOLDER); at !== -1; at = text.indexOf(PLACEHOLDER, at + 1)) {
    places++;
    if (places >= parts.length) return true;
  }
  return false;
}

/** A copy of what a packet carries in which nothing looks like a place of binary data. @internal */
export function withoutFalsePlaceholders(data: unknown): unknown {
  return new SendableCopy(Infinity, () => undefined).of(data, '');
}
