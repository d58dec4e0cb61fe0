/** An event that a client may send several times. @internal */
export interface OnceKey {
  readonly userId: string;
  /** The namespace, the name of the event, and the id that the client has given it. */
  readonly field: string;
}

/** The times of a handler. @internal */
export interface OnceTimes {
  /** After this time without an answer, another attempt runs the handler. */
  readonly runMs: number;
  /** How long the answer is kept. */
  readonly keepMs: number;
}

/**
 * The next step for an event:
 *
 * - `run`: call the handler, then {@link OnceStore.answer} or {@link OnceStore.release}
 * - `running`: another attempt is under way
 * - `full`: so many events of the user are under way that nothing can be forgotten
 * - `answered`: the event was handled
 *
 * @internal
 */
export type OnceState =
  | { readonly state: 'run' | 'running' | 'full' }
  /** `answer` is JSON. */
  | { readonly state: 'answered'; readonly answer: string };

/** @internal */
export interface OnceStore {
  /** `runner` names this attempt. @throws PropagatorError if Redis does not answer */
  begin(key: OnceKey, runner: string, times: OnceTimes): Promise<OnceState>;
  /** Keeps the answer. Does nothing if another attempt runs by now. @throws PropagatorError if Redis does not answer */
  answer(key: OnceKey, runner: string, answer: string, times: OnceTimes): Promise<void>;
  /** The handler has failed: the next attempt may run it. @throws PropagatorError if Redis does not answer */
  release(key: OnceKey, runner: string): Promise<void>;
  close(): void;
}

/** The number of events that are remembered for each user. The oldest answer makes room for a new event. @internal */
export const MAX_PER_USER = 256;

interface Entry {
  /** The attempt that runs; undefined once there is an answer. */
  readonly runner: string | undefined;
  readonly answer: string;
  readonly until: number;
}

/** The events of all users, by user and field. @internal */
export type OnceTable = Map<string, Map<string, Entry>>;

/** The time between two searches for expired entries. */
const SWEEP_MS = 60_000;

/** A store for apps without Redis. @internal */
export class InMemoryOnceStore implements OnceStore {
  private sweptAt = performance.now();

  constructor(private readonly table: OnceTable) {}

  async begin(
    { userId, field }: OnceKey,
    runner: string,
    { runMs }: OnceTimes,
  ): Promise<OnceState> {
    const now = performance.now();
    this.sweep(now);
    const entries = this.table.get(userId) ?? new Map<string, Entry>();
    this.table.set(userId, entries);
    const known = entries.get(field);
    if (known !== undefined && known.until > now) {
      if (known.runner !== undefined) return { state: 'running' };
      return { state: 'answered', answer: known.answer };
    }
    if (known === undefined && entries.size >= MAX_PER_USER && !forgetOldest(entries, now))
      return { state: 'full' };
    entries.set(field, { runner, answer: '', until: now + runMs });
    return { state: 'run' };
  }

  async answer(
    { userId, field }: OnceKey,
    runner: string,
    answer: string,
    { keepMs }: OnceTimes,
  ): Promise<void> {
    const entries = this.table.get(userId);
    if (entries?.get(field)?.runner !== runner) return;
    entries.set(field, { runner: undefined, answer, until: performance.now() + keepMs });
  }

  async release({ userId, field }: OnceKey, runner: string): Promise<void> {
    const entries = this.table.get(userId);
    if (entries?.get(field)?.runner !== runner) return;
    entries.delete(field);
    if (entries.size === 0) this.table.delete(userId);
  }

  /** The table belongs to all instances of the process. */
  close(): void {}

  private sweep(now: number): void {
    if (now - this.sweptAt < SWEEP_MS) return;
    this.sweptAt = now;
    for (const [userId, entries] of this.table) {
      forgetExpired(entries, now);
      if (entries.size === 0) this.table.delete(userId);
    }
  }
}

function forgetExpired(entries: Map<string, Entry>, now: number): void {
  for (const [field, { until }] of entries) if (until <= now) entries.delete(field);
}

/** Makes room for one more event. Returns false if all events of the user are running. */
function forgetOldest(entries: Map<string, Entry>, now: number): boolean {
  forgetExpired(entries, now);
  if (entries.size < MAX_PER_USER) return true;
  let oldest: readonly [field: string, until: number] | undefined;
  for (const [field, { runner, until }] of entries) {
    if (runner === undefined && (oldest === undefined || until < oldest[1]))
      oldest = [field, until];
  }
  return oldest !== undefined && entries.delete(oldest[0]);
}
