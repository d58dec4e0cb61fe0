import type { PresenceChange } from './presence-change.js';

/** Changes that the store handed out, until the app has heard of them and the store knows that. @internal */
export class HandedOut {
  private readonly unheard = new Map<string, PresenceChange>();
  private readonly heard = new Map<string, PresenceChange>();

  /** How many the store is to be told of. */
  get size(): number {
    return this.heard.size;
  }

  /** How many the app is to be told of. */
  get waiting(): number {
    return this.unheard.size;
  }

  /** Does nothing where it has come already. */
  add(change: PresenceChange): void {
    const key = keyOf(change);
    if (!this.heard.has(key)) this.unheard.set(key, change);
  }

  /** Those that the app is told of now, in the order in which they have come. */
  hear(): PresenceChange[] {
    const changes = [...this.unheard.values()];
    for (const [key, change] of this.unheard) this.heard.set(key, change);
    this.unheard.clear();
    return changes;
  }

  /** The first ones that the app has heard of. */
  first(count: number): PresenceChange[] {
    return [...this.heard.values()].slice(0, count);
  }

  confirmed(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.heard.delete(keyOf(change));
  }

  clear(): void {
    this.unheard.clear();
    this.heard.clear();
  }
}

function keyOf({ type, userId, at }: PresenceChange): string {
  return `${type}:${userId}:${at}`;
}
