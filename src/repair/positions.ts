import type { LaneId, LanePositions } from '../routing/lanes.js';
import type { InstanceId } from '../wire/envelope.js';

/** How far an instance had come on one of its lanes, as its record says. @internal */
export interface LaneHead {
  readonly lane: LaneId;
  /** The server that keeps the order of the lane: the same for all instances that publish there. */
  readonly server: string;
  /** The last number up to which the server has taken every publish. */
  readonly head: number;
  /** The last number that was given. Those beyond the head are in flight. */
  readonly last: number;
}

/** The part of an instance's record that says what it has published. @internal */
export interface OriginHeads {
  readonly instanceId: InstanceId;
  readonly heads: readonly LaneHead[];
}

/** For each instance, the last numbers up to which this instance is certain to have heard everything. @internal */
export type PositionsByOrigin = ReadonlyMap<InstanceId, LanePositions>;

/** Marks in flight. Those before them prove nothing more. */
const MAX_MARKS = 64;

interface Mark {
  readonly server: string;
  readonly heads: ReadonlyMap<InstanceId, LanePositions>;
}

interface Snapshot {
  /** Monotonic time (`performance.now()`). */
  readonly at: number;
  readonly positions: PositionsByOrigin;
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
  private proven: PositionsByOrigin = new Map();
  private readonly marks = new Map<string, Mark>();
  /** The positions that were proven at some moments, oldest first. */
  private readonly past: Snapshot[] = [];

  /**
   * @param keptMs for so long {@link at} knows earlier positions
   */
  constructor(private readonly keptMs: number) {}

  /** The instance starts: what the others have published so far is not for its sockets. */
  begin(records: Iterable<OriginHeads>): void {
    this.read(records);
    const all = [...this.latest].map(([id, heads]) => [id, positionsOf(heads)] as const);
    this.become(new Map(all));
  }

  /** Records that were read: those that have changed. */
  read(records: Iterable<OriginHeads>): void {
    for (const { instanceId, heads } of records) this.latest.set(instanceId, heads);
  }

  /** Forgets an instance whose record is gone. */
  forget(instanceId: InstanceId): void {
    this.latest.delete(instanceId);
    if (!this.proven.has(instanceId)) return;
    const rest = new Map(this.proven);
    rest.delete(instanceId);
    this.become(rest);
  }

  /** A mark is about to be published to a server: once it is heard, what was read before counts as heard. */
  mark(nonce: string, server: string): void {
    const heads = new Map<InstanceId, LanePositions>();
    for (const [id, all] of this.latest) {
      const here = all.filter((head) => head.server === server);
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
    if (moved.length === 0) return true;
    const positions = new Map(this.proven);
    for (const [id, heads] of moved) positions.set(id, furthest(positions.get(id), heads));
    this.become(positions);
    return true;
  }

  /** Messages of a server may be missed from now on: marks in flight may be heard behind them. */
  interrupted(isConcerned: (server: string) => boolean): void {
    for (const [nonce, { server }] of this.marks) if (isConcerned(server)) this.marks.delete(nonce);
  }

  /** Up to where everything of an instance has been heard. */
  of(instanceId: InstanceId): LanePositions {
    return this.proven.get(instanceId) ?? NONE;
  }

  /** The last numbers that an instance had given when its record was written: also what is in flight may be missed. */
  lastsOf(instanceId: InstanceId): LanePositions {
    return new Map(this.latest.get(instanceId)?.map(({ lane, last }) => [lane, last]));
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

  private become(positions: PositionsByOrigin): void {
    const now = performance.now();
    this.proven = positions;
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

/** For each lane the higher number. @internal */
export function furthest(a: LanePositions = NONE, b: LanePositions = NONE): LanePositions {
  const positions = new Map(a);
  for (const [lane, number] of b) positions.set(lane, Math.max(number, positions.get(lane) ?? 0));
  return positions;
}

function positionsOf(heads: readonly LaneHead[]): Map<LaneId, number> {
  return new Map(heads.map(({ lane, head }) => [lane, head]));
}
