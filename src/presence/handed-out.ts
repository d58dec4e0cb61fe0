import type { PresenceChange } from './presence-change.js';

/** Changes that the store handed out, until it knows that they have come. @internal */
export class HandedOut {
  private readonly changes = new Map<string, PresenceChange>();

  get size(): number {
    return this.changes.size;
  }

  /** Returns false where it has come already. */
  add(change: PresenceChange): boolean {
    const key = keyOf(change);
    if (this.changes.has(key)) return false;
    this.changes.set(key, change);
    return true;
  }

  first(count: number): PresenceChange[] {
    return [...this.changes.values()].slice(0, count);
  }

  confirmed(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.changes.delete(keyOf(change));
  }

  clear(): void {
    this.changes.clear();
  }
}

function keyOf({ type, userId, at }: PresenceChange): string {
  return `${type}:${userId}:${at}`;
}
