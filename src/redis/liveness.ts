import { every, soon } from '../reporting/timers.js';
import { streamOf } from './ioredis-internals.js';

/** The interval at which connections are checked. */
const CHECK_MS = 2_000;
/** A connection that has been opening for this many checks will not open. */
const CHECKS_TO_OPEN = 3;

/** @internal */
export interface PingedClient {
  readonly status: string;
  ping(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/**
 * Calls `check` at intervals, until the timer is cleared. A client that throws must not end the process: the error
 * goes to `failed`.
 *
 * @internal
 */
export function checkRegularly(
  check: () => void,
  failed: (error: unknown) => void,
  ms: number = CHECK_MS,
): NodeJS.Timeout {
  // After reading what has arrived meanwhile: if this process was frozen, the replies are there.
  return every(ms, failed, () => soon(failed, check));
}

/**
 * Whether anything arrived over a client's connection since the last call. Any byte is a sign of life: on a busy
 * connection the reply to a PING comes after those to all earlier commands.
 *
 * @internal
 */
export class Pulse {
  private stream: object | undefined;
  private bytes = 0;

  /** Also true for a new connection, about which nothing is known yet. */
  beats(client: object): boolean {
    const { stream, bytes } = this;
    this.skip(client);
    return this.stream !== stream || this.bytes !== bytes;
  }

  /** What has arrived so far does not count in the next call. */
  skip(client: object): void {
    this.stream = streamOf(client);
    this.bytes = streamOf(client)?.bytesRead ?? 0;
  }
}

/**
 * Checks whether a connection of ours is alive: a PING asks for a byte if none has arrived since the last check. A half-open
 * connection is silent, not closed: it is destroyed, and ioredis opens another one.
 *
 * @internal
 */
export class Liveness {
  private opening = 0;
  private unanswered = 0;
  private readonly pulse = new Pulse();

  constructor(
    private readonly client: PingedClient,
    /** A connection is given up when nothing arrives for this many PINGs, one per check. */
    private readonly pings: number,
  ) {}

  check(): void {
    const { status } = this.client;
    const beats = this.pulse.beats(this.client);
    if (beats) {
      this.opening = 0;
      this.unanswered = 0;
    }
    if (status !== 'ready') {
      this.unanswered = 0;
      // ioredis limits the wait for a connection, but not for the first reply on it.
      this.opening = status === 'connect' ? this.opening + 1 : 0;
      if (this.opening >= CHECKS_TO_OPEN) this.reset();
      return;
    }
    this.opening = 0;
    if (beats) return;
    if (this.unanswered >= this.pings) {
      this.reset();
      return;
    }
    const answered = (): void => {
      this.unanswered = 0;
      // Otherwise an idle connection would be checked every other time only.
      this.pulse.skip(this.client);
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
