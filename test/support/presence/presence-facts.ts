/** Durations of a cluster under test, in ms. */
export interface Timing {
  readonly graceMs: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** Within this time an instance that nothing is wrong with has told Redis, and reported. */
  readonly promptMs: number;
}

/** A socket of a user on an instance, from its coming to its going, in ms since 1970. */
export interface SocketSpan {
  readonly instance: string;
  readonly user: string;
  readonly from: number;
  to: number;
}

/** A time in which an instance could not do as it should: it stood still, or did not reach Redis. */
export interface Trouble {
  from: number;
  to: number;
  /** Of Redis' losing its data alone: that is another thing. */
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
  /** When the last instance reached it again. */
  until: number;
}

/** A call that has been under way for longer is one that something is wrong with. */
const IN_FLIGHT_MS = 5;

const NOTED = new Set(['beat', 'update', 'settle', 'reported', 'sweep', 'resign', 'buried']);

/** A heartbeat as they all are. */
function isOrdinary(name: string, end: unknown): boolean {
  if (name !== 'beat') return false;
  if (typeof end !== 'object' || end === null) return end === undefined;
  const { state, dead } = end as { state: string; dead: readonly unknown[] };
  return state === 'held' && dead.length === 0;
}

/** What really happened in a cluster, as the one knows who made it happen. */
export class PresenceFacts {
  readonly spans: SocketSpan[] = [];
  readonly losses: Loss[] = [];
  readonly reports: Report[] = [];
  /** What was published for those who watch: type, user and moment of each. Undefined where nobody does. */
  published: string[] | undefined;
  /** What was said to the store, for a failure to be understood. */
  readonly notes: { at: number; bucket?: number; text: string }[] = [];
  private readonly troubles = new Map<string, Trouble[]>();
  private readonly ends = new Map<string, { at: number; crashed: boolean }>();

  private readonly starts = new Map<string, { from: number; to: number }>();

  constructor(readonly timing: Timing) {}

  /** @param from when it was begun to start it */
  started(instance: string, from = Date.now()): void {
    this.starts.set(instance, { from, to: Date.now() });
  }

  /** Whether an instance came while Redis had lost its data, and not all of the others could have told so. */
  startedDuring(instance: string, { at, until }: Loss): boolean {
    const start = this.starts.get(instance);
    return start !== undefined && start.to >= at && start.from <= until;
  }

  connected(instance: string, user: string): SocketSpan {
    const span = { instance, user, from: Date.now(), to: Infinity };
    this.spans.push(span);
    return span;
  }

  /** Its sockets end with it. */
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

  /** A trouble whose end comes later. */
  begin(instance: string, { from = Date.now(), ofLoss = false } = {}): Trouble {
    const trouble = { from, to: Infinity, ofLoss };
    const troubles = this.troubles.get(instance);
    if (troubles === undefined) this.troubles.set(instance, [trouble]);
    else troubles.push(trouble);
    return trouble;
  }

  /** The troubles of an instance, in order; those between which it could not recover are one. */
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

  /** Whether something was wrong with an instance already at that moment, such as an answer that got lost. */
  wasInTroubleBefore(instance: string, at: number): boolean {
    return (this.troubles.get(instance) ?? []).some(
      ({ from, to, ofLoss }) => ofLoss !== true && from < at - IN_FLIGHT_MS && to >= at,
    );
  }

  /** Whether the others may have given the instance up in that time. */
  isLong({ from, to }: Trouble): boolean {
    return to > from + this.sureOfLeaseMs;
  }

  /** For so long an instance in trouble has its lease for certain. */
  get sureOfLeaseMs(): number {
    const { leaseMs, heartbeatMs, promptMs } = this.timing;
    return leaseMs - heartbeatMs - promptMs;
  }

  /** When an instance had the chance to do what came up at that moment. */
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
