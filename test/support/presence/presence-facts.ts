/** Durations of a cluster under test, in ms. */
export interface Timing {
  readonly graceMs: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** A healthy instance updates Redis and reports within this time. */
  readonly promptMs: number;
}

/** A socket of a user on an instance, from connect to disconnect, in ms since 1970. */
export interface SocketSpan {
  readonly instance: string;
  readonly user: string;
  readonly from: number;
  to: number;
}

/** An interval in which an instance was frozen or could not reach Redis. */
export interface Trouble {
  from: number;
  to: number;
  /** Set if only data loss in Redis caused the trouble, which is judged separately. */
  readonly ofLoss?: boolean;
}

export interface Report {
  readonly type: 'online' | 'offline';
  readonly user: string;
  readonly at: number;
  readonly instance: string;
  readonly heardAt: number;
}

export interface Loss {
  /** When Redis lost its data. */
  readonly at: number;
  /** When the last instance reached Redis again. */
  until: number;
}

/** A call that takes longer counts as a fault. */
const IN_FLIGHT_MS = 5;

const NOTED = new Set([
  'beat',
  'update',
  'processDue',
  'acknowledge',
  'sweep',
  'resign',
  'sweepFinished',
]);

/** A regular heartbeat, which failure messages leave out. */
function isOrdinary(name: string, end: unknown): boolean {
  if (name !== 'beat') return false;
  if (typeof end !== 'object' || end === null) return end === undefined;
  const { state, dead } = end as { state: string; dead: readonly unknown[] };
  return state === 'held' && dead.length === 0;
}

/** The true history of a cluster, recorded by the code that causes it. */
export class PresenceFacts {
  readonly spans: SocketSpan[] = [];
  readonly losses: Loss[] = [];
  readonly reports: Report[] = [];
  /** Changes published for `watch`: type, user and time. Undefined if nobody watches. */
  published: string[] | undefined;
  /** The calls to the store, for failure messages. */
  readonly notes: { at: number; bucket?: number; text: string }[] = [];
  private readonly troubles = new Map<string, Trouble[]>();
  private readonly ends = new Map<string, { at: number; crashed: boolean }>();

  private readonly starts = new Map<string, { from: number; to: number }>();

  constructor(readonly timing: Timing) {}

  /** @param from when its start began */
  started(instance: string, from = Date.now()): void {
    this.starts.set(instance, { from, to: Date.now() });
  }

  /**
   * Whether an instance started while Redis had lost its data and other instances had not all reported their users.
   */
  startedDuring(instance: string, { at, until }: Loss): boolean {
    const start = this.starts.get(instance);
    return start !== undefined && start.to >= at && start.from <= until;
  }

  connected(instance: string, user: string): SocketSpan {
    const span = { instance, user, from: Date.now(), to: Infinity };
    this.spans.push(span);
    return span;
  }

  /** Ends the instance and its sockets. */
  ended(instance: string, crashed: boolean): void {
    const at = Date.now();
    this.ends.set(instance, { at, crashed });
    for (const span of this.spans) {
      if (span.instance === instance) span.to = Math.min(span.to, at);
    }
  }

  called(
    instance: string,
    name: string,
    [bucket, ...args]: readonly unknown[],
    end: unknown,
  ): void {
    if (!NOTED.has(name) || isOrdinary(name, end)) return;
    const said = JSON.stringify(args);
    const text = `${instance} ${name} ${said}${end === undefined ? '' : ` => ${JSON.stringify(end)}`}`;
    this.notes.push({ at: Date.now(), text, ...(typeof bucket === 'number' && { bucket }) });
  }

  endOf(instance: string): { readonly at: number; readonly crashed: boolean } | undefined {
    return this.ends.get(instance);
  }

  trouble(instance: string, from: number, to: number): void {
    this.begin(instance, { from }).to = to;
  }

  /** Begins a trouble that ends later. */
  begin(instance: string, { from = Date.now(), ofLoss = false } = {}): Trouble {
    const trouble = { from, to: Infinity, ofLoss };
    const troubles = this.troubles.get(instance);
    if (troubles === undefined) this.troubles.set(instance, [trouble]);
    else troubles.push(trouble);
    return trouble;
  }

  /** The troubles of an instance, in order. Troubles without time to recover between them are merged. */
  troublesOf(instance: string): Trouble[] {
    const { heartbeatMs, promptMs } = this.timing;
    const sorted = (this.troubles.get(instance) ?? []).toSorted((a, b) => a.from - b.from);
    const merged: Trouble[] = [];
    for (const { from, to } of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last.to + heartbeatMs + promptMs) {
        last.to = Math.max(last.to, to);
      } else {
        merged.push({ from, to });
      }
    }
    return merged;
  }

  /** Whether a fault, such as a lost reply, had already affected an instance at that moment. */
  wasInTroubleBefore(instance: string, at: number): boolean {
    return (this.troubles.get(instance) ?? []).some(
      ({ from, to, ofLoss }) => ofLoss !== true && from < at - IN_FLIGHT_MS && to >= at,
    );
  }

  /** Whether the others may have given the instance up in that interval. */
  isLong({ from, to }: Trouble): boolean {
    return to > from + this.sureOfLeaseMs;
  }

  /** How long an instance in trouble certainly keeps its lease. */
  get sureOfLeaseMs(): number {
    const { leaseMs, heartbeatMs, promptMs } = this.timing;
    return leaseMs - heartbeatMs - promptMs;
  }

  /** When an instance was first able to process an event of that moment. */
  doneBy(instance: string, at: number): number {
    const { promptMs } = this.timing;
    let by = at + promptMs;
    for (const { from, to } of this.troublesOf(instance)) {
      if (from <= by && to + promptMs > by && to > at) by = to + promptMs;
    }
    return by;
  }

  usersWithSockets(): Set<string> {
    return new Set(this.spans.filter(({ to }) => to === Infinity).map(({ user }) => user));
  }
}
