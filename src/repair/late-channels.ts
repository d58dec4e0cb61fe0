import { earlier, FROM_NOTHING, type Start, type Starts } from './outage.js';
import type { InstanceId } from '../wire/envelope.js';

/**
 * Channels that stayed unsubscribed when the others were heard again: a part of a Cluster that is down, an ACL. Their events are
 * missing since the same moment, and are asked for once they can be heard.
 *
 * @internal
 */
export class LateChannels {
  private channels = new Set<string>();
  private starts: Starts = new Map();

  get size(): number {
    return this.channels.size;
  }

  has(channel: string): boolean {
    return this.channels.has(channel);
  }

  add(channels: Iterable<string>, starts: Starts): void {
    this.starts = this.channels.size === 0 ? starts : merged(this.starts, starts);
    for (const channel of channels) this.channels.add(channel);
  }

  /** Forgets those that are not wanted any more. */
  keep(isWanted: (channel: string) => boolean): void {
    for (const channel of this.channels) if (!isWanted(channel)) this.channels.delete(channel);
  }

  /** Those that can be heard now, and since when they could not; they are no longer late. Undefined: none. */
  take(
    isHeard: (channel: string) => boolean,
  ): { readonly isLate: (channel: string) => boolean; readonly starts: Starts } | undefined {
    const heard = new Set([...this.channels].filter((channel) => isHeard(channel)));
    if (heard.size === 0) return undefined;
    for (const channel of heard) this.channels.delete(channel);
    return { isLate: (channel) => heard.has(channel), starts: this.starts };
  }

  clear(): void {
    this.channels.clear();
    this.starts = new Map();
  }
}

/** For each instance the earlier start. Of one that is named once nothing was known at the other time. */
function merged(a: Starts, b: Starts): Starts {
  const starts = new Map<InstanceId, Start>();
  for (const origin of new Set([...a.keys(), ...b.keys()])) {
    starts.set(origin, earlier(a.get(origin) ?? FROM_NOTHING, b.get(origin) ?? FROM_NOTHING));
  }
  return starts;
}
