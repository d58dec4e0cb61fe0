import type { LaneHead, LaneId, LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';

/** The part of an instance's record that says what it has published. @internal */
export interface OriginHeads {
  readonly instanceId: InstanceId;
  readonly heads: readonly LaneHead[];
}

/** For each instance, the last numbers up to which this instance is certain to have heard everything. @internal */
export type PositionsByOrigin = ReadonlyMap<InstanceId, LanePositions>;

/** Marks in flight. Those before them prove nothing more. */
const MAX_MARKS = 64;
/** Servers that were left. */
const MAX_LEFT = 16;
/** Of the positions of the past, two in so many ms are known: after an outage they move for each instance. */
const PAST_APART_MS = 100;

interface Mark {
  readonly server: string;
  readonly heads: ReadonlyMap<InstanceId, LanePositions>;
}

interface Snapshot<T = LanePositions> {
  /** Monotonic time (`performance.now()`). */
  readonly at: number;
  readonly positions: ReadonlyMap<InstanceId, T>;
}

const NONE: LanePositions = new Map();

/**
 * The positions of this instance. A position moves when the instance hears a mark of its own: Redis had taken everything up
 * to the heads that were read before the mark was published, and a connection keeps its order. Events move nothing, so
 * the right to publish on one channel gives no power over the rest.
 *
 * @internal
 */
export class Positions {
  private latest = new Map<InstanceId, readonly LaneHead[]>();
  /** The instances whose last records may say more than has been proven: a mark needs no others. */
  private readonly unproven = new Set<InstanceId>();
  /** Earlier records, where a mark proves no more than those, and the next ones. */
  private previous: ReadonlyMap<InstanceId, readonly LaneHead[]> = new Map();
  private next: Snapshot<readonly LaneHead[]> = { at: -Infinity, positions: new Map() };
  private proven: PositionsByOrigin = new Map();
  private readonly marks = new Map<string, Mark>();
  /** The positions that were proven at some moments, oldest first. */
  private readonly past: Snapshot[] = [];
  /** The servers that marks go to, and those that they went to before an interruption. */
  private readonly marked = new Set<string>();
  private readonly left = new Set<string>();

  /**
   * @param keptMs for so long {@link at} knows earlier positions
   * @param lagMs 0 where messages of one server arrive in one order. Otherwise a mark proves only what was read so long before
   */
  constructor(
    private readonly keptMs: number,
    private readonly lagMs = 0,
  ) {}

  /** The instance starts: what the others have published so far is not for its sockets. */
  begin(records: Iterable<OriginHeads>): void {
    this.read(records);
    const all = [...this.latest].map(([id, heads]) => [id, positionsOf(heads)] as const);
    this.become(new Map(all));
  }

  /** Records that were read: those that have changed. */
  read(records: Iterable<OriginHeads>): void {
    const left = new Map<InstanceId, LanePositions>();
    for (const { instanceId, heads } of records) {
      this.latest.set(instanceId, heads);
      this.unproven.add(instanceId);
      const before = this.of(instanceId);
      const listed = this.listed(instanceId, before);
      if (listed !== before) left.set(instanceId, listed);
    }
    if (left.size > 0) this.become(new Map([...this.proven, ...left]));
    const now = performance.now();
    if (this.lagMs === 0 || now - this.next.at < this.lagMs) return;
    this.previous = this.next.positions;
    this.next = { at: now, positions: new Map(this.latest) };
  }

  /** Forgets an instance whose record is gone. */
  forget(instanceId: InstanceId): void {
    this.latest.delete(instanceId);
    this.unproven.delete(instanceId);
    if (!this.proven.has(instanceId)) return;
    const rest = new Map(this.proven);
    rest.delete(instanceId);
    this.become(rest);
  }

  /** A mark is about to be published to a server: once it is heard, what was read before counts as heard. */
  mark(nonce: string, server: string): void {
    this.marked.add(server);
    this.left.delete(server);
    const heads = new Map<InstanceId, LanePositions>();
    for (const id of this.unproven) {
      const all = this.lagMs === 0 ? this.latest.get(id) : this.previous.get(id);
      const here = all?.filter((head) => head.server === server) ?? [];
      if (here.length > 0) heads.set(id, positionsOf(here));
    }
    this.marks.set(nonce, { server, heads });
    if (this.marks.size <= MAX_MARKS) return;
    for (const oldest of this.marks.keys()) {
      this.marks.delete(oldest);
      return;
    }
  }

  /** A mark came in on the connection on which the events of its server come. Returns whether it proves anything. */
  heard(nonce: string): boolean {
    const mark = this.marks.get(nonce);
    if (mark === undefined) return false;
    // Earlier ones to this server prove less.
    for (const [other, { server }] of this.marks) {
      if (server === mark.server) this.marks.delete(other);
      if (other === nonce) break;
    }
    const moved = [...mark.heads].filter(([id, heads]) => isBeyond(heads, this.of(id)));
    if (moved.length > 0) {
      const positions = new Map(this.proven);
      for (const [id, heads] of moved) {
        positions.set(id, this.listed(id, furthest(positions.get(id), heads)));
      }
      this.become(positions);
    }
    for (const id of mark.heads.keys()) {
      if (!isBeyond(this.headsOf(id), this.of(id))) this.unproven.delete(id);
    }
    return true;
  }

  /** Messages may be missed from now on: marks in flight may be heard behind them. */
  interrupted(): void {
    this.marks.clear();
    for (const server of this.marked) this.left.add(server);
    this.marked.clear();
    for (const oldest of this.left) {
      if (this.left.size <= MAX_LEFT) break;
      this.left.delete(oldest);
    }
  }

  /**
   * The events of an instance up to these numbers were delivered, of all channels, or given up. Moves the positions on lanes on
   * which no mark will: those of a server that was left.
   */
  reached(instanceId: InstanceId, upTo: LanePositions): void {
    const reached = new Map<LaneId, number>();
    // A page moves no position beyond the record: what an instance has not published yet cannot have been heard.
    for (const head of this.latest.get(instanceId) ?? []) {
      if (this.isMarked(head)) continue;
      reached.set(head.lane, Math.min(upTo.get(head.lane) ?? 0, head.last));
    }
    if (!isBeyond(reached, this.of(instanceId))) return;
    const moved = this.listed(instanceId, furthest(this.of(instanceId), reached));
    this.become(new Map(this.proven).set(instanceId, moved));
  }

  /** Whether marks have proven these numbers, on the lanes on which they can. */
  isProven(instanceId: InstanceId, numbers: LanePositions): boolean {
    const position = this.of(instanceId);
    let newest = 0;
    for (const head of this.latest.get(instanceId) ?? []) {
      newest = Math.max(newest, head.lane);
      const number = numbers.get(head.lane) ?? 0;
      if (number > (position.get(head.lane) ?? 0) && this.isMarked(head)) return false;
    }
    // The next record says of a later lane whether marks go to its server.
    for (const lane of numbers.keys()) if (lane > newest) return false;
    return true;
  }

  /** The instances that have published on a server that this instance has left, and that was not heard. */
  *unheard(): Iterable<InstanceId> {
    if (this.left.size === 0) return;
    for (const [id, heads] of this.latest) {
      const elsewhere = heads.filter(({ server }) => this.left.has(server));
      const lasts = new Map(elsewhere.map(({ lane, last }) => [lane, last]));
      if (isBeyond(lasts, this.of(id))) yield id;
    }
  }

  /** Up to where everything of an instance has been heard. */
  of(instanceId: InstanceId): LanePositions {
    return this.proven.get(instanceId) ?? NONE;
  }

  /** The last numbers that an instance had given when its record was written: also what is in flight may be missed. */
  lastsOf(instanceId: InstanceId): LanePositions {
    return new Map(this.latest.get(instanceId)?.map(({ lane, last }) => [lane, last]));
  }

  /** The last numbers of an instance that its server had taken for certain. */
  headsOf(instanceId: InstanceId): LanePositions {
    return positionsOf(this.latest.get(instanceId) ?? []);
  }

  get all(): PositionsByOrigin {
    return this.proven;
  }

  /** The instances whose records are known, also those of which nothing has been proven yet. */
  get origins(): Iterable<InstanceId> {
    return this.latest.keys();
  }

  /** The positions that were proven at a moment, in monotonic time. Undefined: that is not known any more. */
  at(moment: number): PositionsByOrigin | undefined {
    return this.past.findLast(({ at }) => at <= moment)?.positions;
  }

  /** This moment, or the oldest one of which the positions are known. */
  known(moment: number): number {
    return Math.max(moment, this.past[0]?.at ?? -Infinity);
  }

  private isMarked({ server }: LaneHead): boolean {
    // A server that is not known yet may be one that marks go to.
    return server === '' || this.marked.has(server);
  }

  /** The lanes of the last record: others are left, and have no further events. */
  private listed(instanceId: InstanceId, positions: LanePositions): LanePositions {
    if (positions.size === 0) return positions;
    const lanes = new Set(this.latest.get(instanceId)?.map(({ lane }) => lane));
    const listed = [...positions].filter(([lane]) => lanes.has(lane));
    return listed.length === positions.size ? positions : new Map(listed);
  }

  private become(positions: PositionsByOrigin): void {
    const now = performance.now();
    this.proven = positions;
    // The later moment is the careful one: for those before it the earlier positions count.
    if (now - (this.past.at(-2)?.at ?? -Infinity) < PAST_APART_MS) this.past.pop();
    this.past.push({ at: now, positions });
    // The one before that age still says what was proven then.
    while ((this.past[1]?.at ?? now) < now - this.keptMs) this.past.shift();
  }
}

/** Whether some numbers are beyond some positions, on any lane. @internal */
export function isBeyond(numbers: LanePositions, positions: LanePositions): boolean {
  for (const [lane, number] of numbers) if (number > (positions.get(lane) ?? 0)) return true;
  return false;
}

/** For each lane the lower number. @internal */
export function nearest(a: LanePositions, b: LanePositions): LanePositions {
  const positions = new Map<LaneId, number>();
  for (const [lane, number] of a) {
    const other = b.get(lane) ?? 0;
    if (other > 0) positions.set(lane, Math.min(number, other));
  }
  return positions;
}

/** For each lane the higher number. @internal */
export function furthest(a: LanePositions = NONE, b: LanePositions = NONE): LanePositions {
  const positions = new Map(a);
  for (const [lane, number] of b) positions.set(lane, Math.max(number, positions.get(lane) ?? 0));
  return positions;
}

function positionsOf(heads: readonly LaneHead[]): Map<LaneId, number> {
  return new Map(heads.map(({ lane, head }) => [lane, head]));
}
