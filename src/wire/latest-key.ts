/** A longer key on the wire is ignored: the event waits like any other. Room for the name of an event, 1,024 bytes. */
const MAX_BYTES = 1_536;

/** The key of an event with `latestOnly`, on the wire: its name and the key of the app. No two pairs have the same. @internal */
export function latestKeyOf(event: string, key: string): string {
  return `${event.length}:${event}${key}`;
}

/** @internal */
export function latestKeyLength(key: string | undefined): number {
  return key === undefined ? 0 : 2 + Buffer.byteLength(key);
}

/** @internal */
export function writeLatestKey(target: Buffer, start: number, key: string | undefined): void {
  if (key === undefined) return;
  target.writeUInt16BE(target.write(key, start + 2), start);
}

/** Undefined if there is none before `end`, or it is too long. @internal */
export function readLatestKey(bytes: Buffer, start: number, end: number): string | undefined {
  if (start + 2 > end) return undefined;
  const length = bytes.readUInt16BE(start);
  const keyEnd = start + 2 + length;
  if (length === 0 || length > MAX_BYTES || keyEnd > end) return undefined;
  return bytes.toString('utf8', start + 2, keyEnd);
}
