import { PropagatorError } from '../../../src/errors.js';
import type { PresenceStore } from '../../../src/presence/store/presence-store.js';
import { Deferred } from '../deferred.js';

/** The error of a call whose link is broken. */
const BROKEN = (): PropagatorError => PropagatorError.of('redis.unavailable', ['the link is cut']);

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly startedAt: number;
  readonly execute: () => Promise<unknown>;
  /** The call is not executed and gets no reply. */
  lost: boolean;
  /** The call is executed, but its reply is lost. */
  unanswered: boolean;
  settled: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface LinkOptions {
  readonly timeoutMs: number;
  /** Called for each call that failed or was slow. */
  onTrouble(from: number, to: number): void;
  /** Called when a call starts and when it ends. */
  onCall(name: string, args: readonly unknown[], end?: unknown): void;
}

/**
 * Simulates the Redis connection between an instance and its store: calls are executed and answered in order. It
 * can be cut, be slow, lose calls or replies, and freeze with the process.
 */
export class FaultyLink {
  private unsent: Call[] = [];
  private unanswered: Call[] = [];
  private sending = Promise.resolve();
  private answering = Promise.resolve();
  private thawed: Deferred | undefined;
  private isOpen = true;
  private isDead = false;
  /** Calls of a dead instance, which never end. */
  private readonly abandoned: Call[] = [];
  private losses = 0;
  private toLose = 0;
  private toLeaveUnanswered = 0;
  /** The duration of a call. */
  delayMs = 0;
  timeoutMs: number;

  constructor(private readonly options: LinkOptions) {
    this.timeoutMs = options.timeoutMs;
  }

  /** Wraps the store so that its calls use this link. */
  to(store: PresenceStore): PresenceStore {
    return new Proxy(store, {
      get: (target, name: keyof PresenceStore) => {
        if (name === 'connection') return this.losses;
        // Other instances share the client.
        if (name === 'close') return () => undefined;
        const method = target[name] as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => this.carry(name, args, () => method.apply(target, args));
      },
    });
  }

  /** Loses the next calls before they are executed. */
  loseCalls(count: number): void {
    this.toLose = count;
  }

  /** Executes the next calls but loses their replies. */
  loseAnswers(count: number): void {
    this.toLeaveUnanswered = count;
  }

  freeze(): void {
    this.thawed ??= new Deferred();
  }

  thaw(): void {
    this.thawed?.resolve();
    this.thawed = undefined;
  }

  /** @param late whether calls in flight are still executed, a little later */
  cut(late: boolean): void {
    this.isOpen = false;
    this.losses++;
    const underWay = [...this.unsent, ...this.unanswered];
    for (const call of this.unsent) call.lost = !late;
    this.unsent = [];
    this.unanswered = [];
    for (const call of underWay) this.fail(call, BROKEN());
  }

  mend(): void {
    this.isOpen = true;
    this.sending = Promise.resolve();
    this.answering = Promise.resolve();
  }

  /** Ends the process: nothing is sent or answered any more. */
  die(): void {
    this.isDead = true;
    for (const call of this.unsent) call.lost = true;
    this.abandoned.push(...this.unsent.splice(0), ...this.unanswered.splice(0));
  }

  /** Releases the calls of a dead process. */
  release(): void {
    this.isOpen = false;
    this.isDead = false;
    this.thaw();
    for (const call of this.abandoned.splice(0)) call.reject(BROKEN());
  }

  private carry(
    name: string,
    args: readonly unknown[],
    execute: () => Promise<unknown>,
  ): Promise<unknown> {
    this.options.onCall(name, args);
    return new Promise((resolve, reject) => {
      const startedAt = Date.now();
      const fate = { lost: false, unanswered: false, settled: false };
      const call: Call = { name, args, startedAt, execute, ...fate, resolve, reject };
      if (this.isDead) {
        this.abandoned.push(call);
        return;
      }
      if (!this.isOpen) {
        this.fail(call, BROKEN());
        return;
      }
      if (this.toLose > 0) {
        this.toLose--;
        call.lost = true;
      } else if (this.toLeaveUnanswered > 0) {
        this.toLeaveUnanswered--;
        call.unanswered = true;
      }
      const { timeoutMs } = this;
      const timer = setTimeout(() => {
        if (this.isDead) return;
        this.fail(call, PropagatorError.of('redis.timeout', [name, timeoutMs]));
      }, timeoutMs);
      timer.unref();
      this.unsent.push(call);
      this.sending = this.sending.then(() => this.send(call));
    });
  }

  private async send(call: Call): Promise<void> {
    const { delayMs } = this;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.thawed?.promise;
    remove(this.unsent, call);
    if (call.lost) {
      if (!this.isDead) this.fail(call, BROKEN());
      return;
    }
    // Send the next call without waiting for the reply.
    const answer = call.execute().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (!call.settled) this.unanswered.push(call);
    this.answering = this.answering.then(async () => this.answer(call, await answer));
  }

  private async answer(
    call: Call,
    answer: { readonly value?: unknown; readonly error?: unknown },
  ): Promise<void> {
    const { delayMs } = this;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.thawed?.promise;
    if (this.isDead || call.settled) return;
    remove(this.unanswered, call);
    if (call.unanswered) this.fail(call, BROKEN());
    else if ('error' in answer) this.fail(call, answer.error);
    else {
      call.settled = true;
      this.options.onTrouble(call.startedAt, Date.now());
      this.options.onCall(call.name, call.args, answer.value);
      call.resolve(answer.value);
    }
  }

  private fail(call: Call, error: unknown): void {
    if (call.settled) return;
    call.settled = true;
    this.options.onTrouble(call.startedAt, Infinity);
    this.options.onCall(call.name, call.args, codeOf(error));
    call.reject(error);
  }
}

/** Shows an error by its code in failure messages. */
function codeOf(error: unknown): string {
  return error instanceof PropagatorError ? error.code : String(error);
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
