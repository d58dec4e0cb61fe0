/**
 * The channels of one subscribed connection: the wanted ones, those requested from Redis, and those that Redis
 * confirmed. Says which commands are missing, and sends none.
 *
 * @internal
 */
export class SubscriptionSet {
  private readonly wanted = new Set<string>();
  /** Channels whose last command on this connection was a SUBSCRIBE. */
  private requested = new Set<string>();
  /**
   * The content of `requested` on earlier connections: an app's own client subscribes these channels again when it
   * reconnects.
   */
  private requestedBefore = new Set<string>();
  private readonly confirmed = new Set<string>();
  /** Channels whose UNSUBSCRIBE has no reply yet: an app's own client may subscribe them again, too. */
  private readonly leaving = new Set<string>();
  private changed = new Set<string>();
  /** Whether every channel has to be compared: no command has been sent on this connection yet. */
  private allChanged = false;

  /** Whether any channel is wanted. */
  get isNeeded(): boolean {
    return this.wanted.size > 0;
  }

  /** Whether {@link takeChanges} has something to return. */
  get hasChanges(): boolean {
    return this.allChanged || this.changed.size > 0;
  }

  isWanted(channel: string): boolean {
    return this.wanted.has(channel);
  }

  isRequested(channel: string): boolean {
    return this.requested.has(channel);
  }

  isConfirmed(channel: string): boolean {
    return this.confirmed.has(channel);
  }

  /** Returns whether the channel is subscribed already. */
  want(channel: string): boolean {
    this.wanted.add(channel);
    return this.confirmed.has(channel);
  }

  /** Returns whether the channel was wanted. */
  release(channel: string): boolean {
    return this.wanted.delete(channel);
  }

  /** Forgets the channel: Redis ends this subscription by itself. */
  drop(channel: string): void {
    this.wanted.delete(channel);
    this.requestedBefore.delete(channel);
    this.leaving.delete(channel);
    this.ended(channel);
  }

  /** Compare this channel in the next round. */
  touch(channel: string): void {
    this.changed.add(channel);
  }

  /** A connection without subscriptions is open. */
  opened(): void {
    this.allChanged = true;
  }

  /** The connection is closed, and its subscriptions with it. */
  lost(): void {
    if (this.requestedBefore.size === 0) {
      [this.requestedBefore, this.requested] = [this.requested, this.requestedBefore];
    }
    for (const channel of this.requested) this.requestedBefore.add(channel);
    for (const channel of this.leaving) this.requestedBefore.add(channel);
    this.requested.clear();
    this.leaving.clear();
    this.confirmed.clear();
    this.changed.clear();
    this.allChanged = false;
  }

  /** Releases all channels of a lost connection. Returns those that Redis may still hold. */
  releaseAll(): Iterable<string> {
    this.wanted.clear();
    return this.requestedBefore;
  }

  /** Redis has ended all subscriptions except these. Returns the wanted channels that have to be requested again. */
  lostAllBut(held: ReadonlySet<string>): string[] {
    const lost: string[] = [];
    for (const channel of this.confirmed) {
      if (held.has(channel)) continue;
      this.ended(channel);
      if (this.wanted.has(channel)) lost.push(channel);
    }
    return lost;
  }

  /** The channels to compare in this round; later changes belong to the next one. */
  takeChanges(): Iterable<string> {
    const changes = this.allChanged ? this.all() : this.changed;
    this.allChanged = false;
    this.changed = new Set();
    return changes;
  }

  /** The command that makes Redis agree; undefined if it does already. */
  commandFor(channel: string): 'subscribe' | 'unsubscribe' | undefined {
    const wanted = this.wanted.has(channel);
    if (wanted === this.requested.has(channel)) return undefined;
    return wanted ? 'subscribe' : 'unsubscribe';
  }

  /** A SUBSCRIBE is sent. */
  request(channel: string): void {
    this.requested.add(channel);
  }

  /** An UNSUBSCRIBE is sent. */
  leave(channel: string): void {
    this.ended(channel);
    this.leaving.add(channel);
  }

  /** Redis replied to the UNSUBSCRIBE. */
  left(channel: string): void {
    this.leaving.delete(channel);
  }

  /** Redis refused the SUBSCRIBE, or ended the subscription. */
  ended(channel: string): void {
    this.requested.delete(channel);
    this.confirmed.delete(channel);
  }

  /** Redis confirmed a SUBSCRIBE. Returns false if an UNSUBSCRIBE has been sent since. */
  confirm(channel: string): boolean {
    if (!this.requested.has(channel)) return false;
    this.confirmed.add(channel);
    return true;
  }

  /** A round is complete: nothing is left of earlier connections. */
  settled(): void {
    this.requestedBefore.clear();
  }

  /** One by one, because a copy of 100,000 names takes time. */
  private *all(): Generator<string> {
    yield* this.wanted;
    for (const channel of this.requestedBefore) {
      if (this.wanted.has(channel)) continue;
      this.requested.add(channel);
      yield channel;
    }
  }
}
