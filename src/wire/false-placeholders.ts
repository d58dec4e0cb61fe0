import { SendableCopy } from './sendable.js';

/** Socket.IO's parser writes this in place of binary data. Inside a string the quotation marks would be escaped. */
const PLACEHOLDER = '"_placeholder":true';

/**
 * Whether an encoded packet has more placeholders than binary attachments. Data of an app or a client may look like
 * a placeholder: the reader would insert other data there, or fail to read the whole packet. Without attachments a
 * placeholder has no meaning.
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

/** Copies the data of a packet without anything that looks like a placeholder. @internal */
export function withoutFalsePlaceholders(data: unknown): unknown {
  return new SendableCopy(Infinity, () => undefined).of(data, '');
}
