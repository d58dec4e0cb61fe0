import type { Socket } from 'socket.io';
import type { Reporter } from '../reporting/reporter.js';
import { soon } from '../reporting/timers.js';

type Connection = Socket['conn'];

/** One refusal is forgiven in this time, so that a client that waits for `retryAfterMs` is never disconnected. */
const FORGIVEN_AFTER_MS = 1_000;

interface Count {
  refusals: number;
  at: number;
  ending: boolean;
}

/**
 * The rank of a refusal: the first one in a while, one of several, or one too many. After the last kind the
 * connection gets no further replies, because it is about to be closed.
 *
 * @internal
 */
export type Verdict = 'first' | 'again' | 'ending';

/**
 * Counts the recent refusals of each connection: for a namespace, a new token, an event. A connection with too many
 * of them is closed.
 *
 * @internal
 */
export class Refusals {
  private readonly counts = new WeakMap<Connection, Count>();

  constructor(
    /** The number of refusals after which the connection is closed: the option `limits.refusals`. */
    readonly limit: number,
    private readonly reporter: Reporter,
    private readonly end: (connection: Connection, reason: string) => void,
    /** Monotonic time in ms. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Counts one refusal. `reason` is a code, which the client gets if its connection is closed. */
  add(connection: Connection, reason: string): Verdict {
    const now = this.now();
    const count = this.counts.get(connection) ?? { refusals: 0, at: now, ending: false };
    if (count.ending) return 'ending';
    const before = Math.max(0, count.refusals - (now - count.at) / FORGIVEN_AFTER_MS);
    count.refusals = before + 1;
    count.at = now;
    this.counts.set(connection, count);
    if (count.refusals < this.limit) return before === 0 ? 'first' : 'again';
    count.ending = true;
    this.reporter.report(
      'client.disconnected',
      () => `the connection from ${connection.remoteAddress}: ${reason}`,
    );
    // First process earlier packets of the client, and send the replies to them.
    const failed = this.reporter.failure('listener.failed', () => 'disconnect');
    soon(failed, () => this.end(connection, reason));
    return 'ending';
  }

  /** Takes one refusal back. */
  forgive(connection: Connection): void {
    const count = this.counts.get(connection);
    if (count !== undefined) count.refusals = Math.max(0, count.refusals - 1);
  }
}
