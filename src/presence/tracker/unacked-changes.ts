import type { PresenceChange } from '../store/presence-change.js';

/** Changes that the store handed out, until the app has heard of them and the store knows that. @internal */
export class UnackedChanges {
  private readonly unheard = new Map<string, PresenceChange>();
  private readonly heard = new Map<string, PresenceChange>();

  /** How many the store is to be told of. */
  get size(): number {
    return this.heard.size;
  }

  /** Does nothing where it has come already. */
  add(change: PresenceChange): void {
    const key = keyOf(change);
    if (!this.heard.has(key)) this.unheard.set(key, change);
  }

  /** The next one that the app is to be told of, in the order in which they have come. */
  next(): PresenceChange | undefined {
    for (const [key, change] of this.unheard) {
      this.unheard.delete(key);
      // The store keeps no statuses to be confirmed.
      if (change.type !== 'status') this.heard.set(key, change);
      return change;
    }
    return undefined;
  }

  /** The first ones that the app has heard of. */
  first(count: number): PresenceChange[] {
    return [...this.heard.values()].slice(0, count);
  }

  acknowledged(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.heard.delete(keyOf(change));
  }

  clear(): void {
    this.unheard.clear();
    this.heard.clear();
  }
}

function keyOf({ type, userId, at, status }: PresenceChange): string {
  return `${type}:${userId}:${at}:${status ?? ''}`;
}
