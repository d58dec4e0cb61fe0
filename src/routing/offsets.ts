import type { InstanceId } from '../wire/envelope.js';
import { EventOffset, offsetOfContent, offsetPrefix } from '../wire/offset.js';

/** Numbers of events that stay on this instance: above those of all others. */
const LOCAL = 2 ** 47;
const MAX_ORIGINS = 10_000;

/** Gives events their offsets. Exists with the option `recovery` only. @internal */
export class Offsets {
  private readonly own: string;
  private readonly prefixes = new Map<InstanceId, string>();
  private lastLocal = LOCAL;

  constructor(origin: Buffer) {
    this.own = offsetPrefix(origin.toString('hex'));
  }

  /** The offset of an event of this instance. */
  ofOwn(sequence: number): EventOffset {
    return new EventOffset(this.own, sequence);
  }

  /** The offset of an event that is not published. */
  ofLocal(): EventOffset {
    return new EventOffset(this.own, ++this.lastLocal);
  }

  /** The offset of an event of another instance. */
  of(origin: InstanceId, sequence: number): EventOffset {
    let prefix = this.prefixes.get(origin);
    if (prefix === undefined) {
      if (this.prefixes.size >= MAX_ORIGINS) this.prefixes.clear();
      prefix = offsetPrefix(origin);
      this.prefixes.set(origin, prefix);
    }
    return new EventOffset(prefix, sequence);
  }

  /** The offset of an event of another program. */
  ofContent(channel: string, bytes: Buffer): EventOffset {
    return offsetOfContent(channel, bytes);
  }
}
