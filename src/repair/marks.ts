import { randomBytes } from 'node:crypto';
import type { ChannelHandle, Channels } from '../channels/channels.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Positions } from './positions.js';

/** A mark is nothing but its nonce. */
const NONCE_BYTES = 16;
/** A mark may be in flight at the next beat. Two that were taken and did not come back are no coincidence. */
const MAX_MISSED = 2;

interface MarksDeps {
  readonly pubSub: PubSub;
  readonly subscriptions: Channels;
  readonly positions: Pick<Positions, 'mark' | 'heard'>;
  readonly reporter: Reporter;
  /** A position may have moved. */
  proven(): void;
}

interface MarkedChannel {
  readonly name: string;
  readonly hold: ChannelHandle;
  /** Marks that the server took and that have not come back. */
  missed: number;
}

/**
 * The marks that this instance sends to itself, one to each server, over the connections on which events come. A mark that comes
 * back proves what was read before it was sent. One that does not come back shows that a connection is deaf.
 *
 * @internal
 */
export class Marks {
  private readonly channels: MarkedChannel[] = [];

  constructor(private readonly deps: MarksDeps) {}

  /** Listens to these channels: one on each server. Other ones are left. */
  listen(names: readonly string[]): void {
    const kept = new Set(names);
    for (const channel of this.channels.splice(0)) {
      if (kept.delete(channel.name)) this.channels.push(channel);
      else channel.hold.release();
    }
    for (const name of kept) {
      const hold = this.deps.subscriptions.acquire(name, (bytes) => this.heard(name, bytes));
      this.channels.push({ name, hold, missed: 0 });
    }
  }

  /**
   * Sends a mark to each server, after the records were read. Returns whether a connection seems deaf: marks were taken, and
   * did not come back.
   */
  send(): boolean {
    let isDeaf = false;
    for (const channel of this.channels) {
      if (channel.missed >= MAX_MISSED) {
        isDeaf = true;
        channel.missed = 0;
      }
      this.sendOn(channel);
    }
    return isDeaf;
  }

  /** A connection was lost: marks that were taken before may not come back. */
  interrupted(): void {
    for (const channel of this.channels) channel.missed = 0;
  }

  close(): void {
    for (const { hold } of this.channels.splice(0)) hold.release();
  }

  private sendOn(channel: MarkedChannel): void {
    const { pubSub, positions, reporter } = this.deps;
    const server = pubSub.serverOf?.(channel.name);
    const nonce = randomBytes(NONCE_BYTES);
    // What is not known to go to one server proves nothing, but shows that the connection works.
    if (server !== undefined) positions.mark(nonce.toString('hex'), server);
    reporter.attempt(
      'heartbeat.failed',
      () => 'a mark',
      () =>
        pubSub.publish(channel.name, nonce).then(
          () => {
            if (pubSub.isSubscribed(channel.name)) channel.missed++;
          },
          // The state says that Redis is down, and the log has said so, too.
          () => reporter.count('heartbeat.failed'),
        ),
    );
  }

  private heard(name: string, bytes: Buffer): void {
    if (bytes.length !== NONCE_BYTES) return;
    const channel = this.channels.find((each) => each.name === name);
    if (channel !== undefined) channel.missed = 0;
    if (this.deps.positions.heard(bytes.toString('hex'))) this.deps.proven();
  }
}
