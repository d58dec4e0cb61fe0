import type { PresenceChange } from '../store/presence-change.js';

/** Changes from the store, until the app has received them and the store has the acknowledgement. @internal */
export class UnackedChanges {
  private readonly unreported = new Map<string, PresenceChange>();
  private readonly reported = new Map<string, PresenceChange>();
  /** Incremented when a reply of the store may have been lost. */
  private epoch = 1;
  private receivedEpoch = 0;

  /** The number of changes to acknowledge. */
  get size(): number {
    return this.reported.size;
  }

  /** A reply of the store may have been lost: the next call asks for redelivery. */
  requestRedelivery(): void {
    this.epoch++;
  }

  /** For one call of the store: whether it asks for redelivery. Call `received` when its reply has arrived. */
  expectReply(): { readonly redeliver: boolean; readonly received: () => void } {
    const { epoch } = this;
    return {
      redeliver: epoch > this.receivedEpoch,
      received: () => {
        this.receivedEpoch = epoch;
      },
    };
  }

  /** Adds a change, unless the app has received it already. */
  add(change: PresenceChange): void {
    const key = keyOf(change);
    if (!this.reported.has(key)) this.unreported.set(key, change);
  }

  /** Returns the next change for the app, in order of arrival. It is to be acknowledged from now on. */
  next(): PresenceChange | undefined {
    for (const [key, change] of this.unreported) {
      this.unreported.delete(key);
      // The store does not redeliver changes of status.
      if (change.type !== 'status') this.reported.set(key, change);
      return change;
    }
    return undefined;
  }

  /** The first `count` changes to acknowledge. */
  first(count: number): PresenceChange[] {
    return [...this.reported.values()].slice(0, count);
  }

  acknowledged(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.reported.delete(keyOf(change));
  }

  clear(): void {
    this.unreported.clear();
    this.reported.clear();
  }
}

function keyOf({ type, userId, at, status }: PresenceChange): string {
  return `${type}:${userId}:${at}:${status ?? ''}`;
}
