import { every, soon } from '../reporting/timers.js';
/** How often connections are asked whether they live. */
const CHECK_MS = 2_000;
/** A connection that has been opening for this many checks will not open. */
const CHECKS_TO_OPEN = 3;

/** @internal */
export interface PingedClient {
  readonly status: string;
  /** The socket of ioredis' client, in versions 5 and 6. */
  readonly stream?: { readonly bytesRead?: number } | null;
  ping(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/**
 * Calls `check` in intervals, until the timer is cleared. A client that throws must not end the process: the error goes to
 * `failed`.
 *
 * @internal
 */
export function checkRegularly(
  check: () => void,
  failed: (error: unknown) => void,
  ms: number = CHECK_MS,
): NodeJS.Timeout {
  // After what has arrived in the meantime: if this process itself stood still, the answers are there.
  return every(ms, failed, () => soon(failed, check));
}

/**
 * Whether anything came over a client's connection since it was last asked. Any byte is a sign of life: on a busy
 * connection the answer to a PING comes after everything that was asked for before it.
 *
 * @internal
 */
export class Pulse {
  private stream: object | null | undefined;
  private bytes = 0;

  /** Also true for a new connection, of which nothing is known yet. */
  beats({ stream }: Pick<PingedClient, 'stream'>): boolean {
    const bytes = stream?.bytesRead ?? 0;
    const beats = this.stream !== stream || bytes !== this.bytes;
    this.stream = stream;
    this.bytes = bytes;
    return beats;
  }
}

/**
 * Whether a connection of ours lives. One that is half-open is silent, not closed: it is ended, and ioredis makes
 * another one.
 *
 * @internal
 */
export class Liveness {
  private opening = 0;
  private unanswered = 0;
  private readonly pulse = new Pulse();

  constructor(
    private readonly client: PingedClient,
    /** A connection is given up when nothing at all was heard for so many PINGs, one per check. */
    private readonly pings: number,
  ) {}

  check(): void {
    const { status } = this.client;
    if (this.pulse.beats(this.client)) {
      this.opening = 0;
      this.unanswered = 0;
    }
    if (status !== 'ready') {
      this.unanswered = 0;
      // ioredis bounds the wait for a connection, but not for the first answer on it.
      this.opening = status === 'connect' ? this.opening + 1 : 0;
      if (this.opening >= CHECKS_TO_OPEN) this.reset();
      return;
    }
    this.opening = 0;
    if (this.unanswered >= this.pings) {
      this.reset();
      return;
    }
    const answered = (): void => {
      this.unanswered = 0;
    };
    // A PING that throws was not sent, which says nothing about the connection.
    this.client.ping().then(answered, answered);
    this.unanswered++;
  }

  reset(): void {
    this.opening = 0;
    this.unanswered = 0;
    this.client.disconnect(true);
  }
}
