/** Why a part of a value cannot be sent. */
export type LeftOut = 'cycle' | 'too-deep' | 'too-large' | 'unserialisable';

const MAX_DEPTH = 32;
/** The size of a number, of the quotation marks around a name, and the like. */
const SMALL_BYTES = 8;

/**
 * Copies values in the form of JSON and Socket.IO packets, limited in depth and bytes. Parts that cannot be sent (a
 * cycle, a BigInt, a getter that throws, text that is too long) are left out, and the rest is kept.
 *
 * @internal
 */
export class SendableCopy {
  private readonly ancestors = new Set<object>();

  constructor(
    /** The approximate maximum size of all copies together, in bytes. */
    private bytes: number,
    private readonly onLeftOut: (why: LeftOut, path: string) => void,
    /** Text that is left out without a report. */
    private readonly isSecret: (text: string) => boolean = () => false,
  ) {}

  /** The copy; undefined if the value is left out. Never throws. */
  of(value: unknown, path: string, depth = 0): unknown {
    switch (typeof value) {
      case 'string':
        return this.isSecret(value) ? undefined : this.taken(value, value, path);
      case 'number':
      case 'boolean':
        return this.taken(value, '', path);
      case 'bigint':
        return this.leaveOut('unserialisable', path);
      case 'object':
        return value === null ? this.taken(value, '', path) : this.ofObject(value, path, depth);
      default:
        // Like JSON.
        this.bytes -= SMALL_BYTES;
        return undefined;
    }
  }

  private ofObject(value: object, path: string, depth: number): unknown {
    if (this.ancestors.has(value)) return this.leaveOut('cycle', path);
    if (depth >= MAX_DEPTH) return this.leaveOut('too-deep', path);
    // Each visit counts as well: objects that share others, such as entities of a database, have endless paths.
    if (this.isUsedUp(path)) return undefined;
    this.bytes -= SMALL_BYTES;
    this.ancestors.add(value);
    try {
      const binary = bytesOf(value);
      if (binary !== undefined) return this.taken(value, binary, path);
      const { toJSON } = value as { readonly toJSON?: unknown };
      if (typeof toJSON === 'function') return this.of(toJSON.call(value, ''), path, depth + 1);
      return Array.isArray(value)
        ? this.ofArray(value, path, depth)
        : this.ofRecord(value as Record<string, unknown>, path, depth);
    } catch {
      return this.leaveOut('unserialisable', path);
    } finally {
      this.ancestors.delete(value);
    }
  }

  private ofArray(items: readonly unknown[], path: string, depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let index = 0; index < items.length; index++) {
      if (this.isUsedUp(path)) break;
      copy.push(this.of(items[index], `${path}[${index}]`, depth + 1) ?? null);
      this.bytes -= SMALL_BYTES;
    }
    return copy;
  }

  private ofRecord(
    record: Readonly<Record<string, unknown>>,
    path: string,
    depth: number,
  ): Record<string, unknown> | undefined {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(record)) {
      if (this.isUsedUp(path)) break;
      const own = `${path}.${key}`;
      let part: unknown;
      try {
        part = record[key];
      } catch {
        this.leaveOut('unserialisable', own);
        continue;
      }
      const copied = this.of(part, own, depth + 1);
      // Socket.IO reads this as a placeholder of binary data. Without an attachment of that number the whole
      // message is unreadable.
      if (key === '_placeholder' && copied === true) return this.leaveOut('unserialisable', path);
      if (copied === undefined || this.taken(true, key, own) === undefined) continue;
      setOwn(copy, key, copied);
    }
    return copy;
  }

  private taken<T>(value: T, content: string | number, path: string): T | undefined {
    const atLeast = typeof content === 'number' ? content : content.length;
    if (atLeast <= this.bytes) {
      const size = typeof content === 'number' ? content : Buffer.byteLength(content);
      if (size + SMALL_BYTES <= this.bytes) {
        this.bytes -= size + SMALL_BYTES;
        return value;
      }
    }
    return this.leaveOut('too-large', path);
  }

  private isUsedUp(path: string): boolean {
    if (this.bytes > SMALL_BYTES) return false;
    this.leaveOut('too-large', path);
    return true;
  }

  private leaveOut(why: LeftOut, path: string): undefined {
    // The visit counts: a wide object may be reachable by many paths.
    this.bytes -= SMALL_BYTES;
    this.onLeftOut(why, path);
    return undefined;
  }
}

/**
 * The size of binary data that Socket.IO sends as an attachment.
 *
 * @throws TypeError for a Blob, which cannot be read synchronously, and for a buffer whose content was transferred
 * to another thread
 */
function bytesOf(value: object): number | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).byteLength;
  }
  const kind = Object.prototype.toString.call(value);
  if (kind === '[object ArrayBuffer]') return new Uint8Array(value as ArrayBuffer).byteLength;
  if (kind === '[object Blob]' || kind === '[object File]') throw new TypeError(kind);
  return undefined;
}

/** Gives an object a property of its own. An assignment to `__proto__` would change its prototype instead. @internal */
export function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
