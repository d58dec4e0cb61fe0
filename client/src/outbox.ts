import type { Socket } from 'socket.io-client';
import { delayAfter, msIn, timerMs } from './delay.js';

/** The last argument of an event of the outbox, before the acknowledgement. The server takes it off. */
const ID_KEY = 'propagator:once';
const ID_BYTES = 16;

/** Options of the outbox: `emitOnce`. */
export interface OutboxOptions {
  /**
   * The most events that wait for their acknowledgement; further ones reject with `outbox.full`.
   * @default 100
   */
  readonly maxEvents?: number | undefined;
  /**
   * An event that is not acknowledged within this time rejects with `outbox.timeout`: whether the server has handled it is
   * then unknown.
   * @default 60000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * An event without an acknowledgement is sent again after this time.
   * @default 10000
   */
  readonly ackTimeoutMs?: number | undefined;
}

/** Why an event of the outbox was not acknowledged. */
export class EmitError extends Error {
  constructor(
    /** `outbox.full`, `outbox.timeout`, `outbox.closed`, or the code of the server's answer; `handler.failed` if it has none. */
    readonly code: string,
    message: string,
    /** The answer of the server. */
    readonly answer?: unknown,
  ) {
    super(message);
    this.name = 'EmitError';
  }
}

interface Entry {
  readonly args: readonly unknown[];
  readonly event: string;
  readonly settle: (error: unknown, answer?: unknown) => void;
}

interface Failure {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly retryAfterMs?: unknown;
}

/**
 * Sends events one after the other, each until it is acknowledged: over lost connections and other instances. Each has
 * an id, by which the server knows a repeated one.
 *
 * @internal
 */
export class Outbox {
  private readonly maxEvents: number;
  private readonly timeoutMs: number;
  private readonly ackTimeoutMs: number;
  private readonly waiting: Entry[] = [];
  private sending = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket: Socket,
    options: OutboxOptions = {},
  ) {
    this.maxEvents = options.maxEvents ?? 100;
    this.timeoutMs = timerMs(options.timeoutMs ?? 60_000);
    this.ackTimeoutMs = timerMs(options.ackTimeoutMs ?? 10_000);
  }

  readonly emit = (event: string, ...args: unknown[]): Promise<unknown> => {
    if (this.waiting.length >= this.maxEvents)
      return Promise.reject(new EmitError('outbox.full', 'Too many events wait to be sent'));
    return new Promise((resolve, reject) => {
      // Before the timer: not every runtime has the generator of random numbers.
      const id = newId();
      const deadline = setTimeout(
        () => entry.settle(new EmitError('outbox.timeout', 'The server has not answered in time')),
        this.timeoutMs,
      );
      const entry: Entry = {
        event,
        args: [...args, { [ID_KEY]: id }],
        settle: (error, answer) => {
          clearTimeout(deadline);
          const index = this.waiting.indexOf(entry);
          if (index >= 0) this.waiting.splice(index, 1);
          if (error === undefined) resolve(answer);
          else reject(error);
        },
      };
      this.waiting.push(entry);
      this.flush();
    });
  };

  /** Sends the first event that waits, if the socket is connected. */
  flush(): void {
    const [entry] = this.waiting;
    if (entry === undefined || this.sending || this.timer !== undefined || !this.socket.connected)
      return;
    this.sending = true;
    let isOver = false;
    const over = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      this.sending = false;
      act();
      this.flush();
    };
    try {
      this.socket
        .timeout(this.ackTimeoutMs)
        .emit(entry.event, ...entry.args, (error: Error | null, answer: unknown) =>
          over(() => this.answered(entry, error, answer)),
        );
    } catch (error) {
      // The event cannot be encoded.
      over(() => entry.settle(error));
    }
  }

  /** Called when the socket is connected. */
  resume(): void {
    this.endPause();
    this.flush();
  }

  /** Rejects all events. */
  close(): void {
    this.endPause();
    while (this.waiting.length > 0)
      this.waiting[0]?.settle(new EmitError('outbox.closed', 'The socket was disconnected'));
  }

  private answered(entry: Entry, error: Error | null, answer: unknown): void {
    if (error !== null) {
      // The answer is lost with the connection, or late. The next connection flushes.
      if (this.socket.connected) this.pause(delayAfter(this.failures++));
      return;
    }
    const failure = failureIn(answer);
    const code = textOf(failure?.code, 'handler.failed');
    const retryAfterMs = msIn(failure?.retryAfterMs);
    if (code.startsWith('once.') && retryAfterMs !== undefined) {
      this.pause(retryAfterMs);
      return;
    }
    this.failures = 0;
    entry.settle(failure && new EmitError(code, textOf(failure.message, code), answer), answer);
  }

  private endPause(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private pause(ms: number): void {
    if (this.waiting.length === 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, ms);
  }
}

/** The answer of a handler that has failed. */
function failureIn(answer: unknown): Failure | undefined {
  return (answer as { status?: unknown } | null | undefined)?.status === 'error'
    ? (answer as Failure)
    : undefined;
}

/** Not of an object, whose `toString` may throw. */
function textOf(given: unknown, other: string): string {
  return typeof given === 'string' || typeof given === 'number' ? String(given) : other;
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
