import type { ChannelSubscription } from './channels.js';

/** Where there is nothing to wait for; one for all, since there are very many channels. */
const READY = Promise.resolve();

/**
 * A channel that is subscribed while somebody holds it. There is one for each user and room, so it is small: no
 * closures, and no promise that has been resolved.
 *
 * @internal
 */
export class HeldChannel {
  private holders = 0;
  private waiting: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly subscription: ChannelSubscription,
    /** Undefined: it is shared with nobody. */
    private readonly among?: HeldChannels,
  ) {
    // A failure was reported where it occurred, and the channel is subscribed as soon as that is possible.
    this.waiting = subscription.ready
      .catch(() => undefined)
      .then(() => {
        this.waiting = undefined;
      });
  }

  /** As {@link ChannelHold.settled}. */
  get settled(): boolean {
    return this.waiting === undefined;
  }

  /** As {@link ChannelHold.ready}. */
  get ready(): Promise<void> {
    return this.waiting ?? READY;
  }

  hold(): ChannelHold {
    this.holders++;
    return new ChannelHold(this);
  }

  /** One that held it does not any more. */
  letGo(): void {
    if (--this.holders > 0) return;
    this.among?.released(this.name);
    this.subscription.release();
  }
}

/** Keeps a channel subscribed. @internal */
export class ChannelHold {
  private held: HeldChannel | undefined;

  constructor(held: HeldChannel) {
    this.held = held;
  }

  /** Whether {@link ready} has resolved. */
  get settled(): boolean {
    return this.held?.settled ?? true;
  }

  /** Resolves once the channel is subscribed, or once waiting for it has taken too long. Never rejects. */
  get ready(): Promise<void> {
    return this.held?.ready ?? READY;
  }

  /** Calling it twice is fine. */
  release(): void {
    const { held } = this;
    this.held = undefined;
    held?.letGo();
  }
}

/** The channels that are held, each subscribed once whatever the number of those who hold it. @internal */
export class HeldChannels {
  private readonly heldByName = new Map<string, HeldChannel>();

  constructor(private readonly onReleased: (name: string) => void) {}

  hold(name: string, subscribe: () => ChannelSubscription): ChannelHold {
    let held = this.heldByName.get(name);
    if (held === undefined) {
      held = new HeldChannel(name, subscribe(), this);
      this.heldByName.set(name, held);
    }
    return held.hold();
  }

  /** @internal by {@link HeldChannel} */
  released(name: string): void {
    this.heldByName.delete(name);
    this.onReleased(name);
  }
}
