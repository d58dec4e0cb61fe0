import { MAX_LANES } from '../wire/cluster-message.js';

/** The number of a lane among those of its origin, from 1. @internal */
export type LaneId = number;

/** For each lane of an origin, the number of an event. @internal */
export type LanePositions = ReadonlyMap<LaneId, number>;

/** So many numbers are known to be acknowledged together. */
const NUMBERS_PER_BATCH = 64;

/** Successive numbers that the head passes together. @internal */
export interface LaneBatch {
  readonly first: number;
  /** The publishes without an outcome. */
  open: number;
}

/** The outcome of a publish is known. @internal */
export function settle(batch: LaneBatch): void {
  batch.open--;
}

/**
 * One order that the transport keeps: a publishing connection to one server. Each publish gets the next number when it
 * is handed to the transport; the publishes of one event to several channels share theirs.
 *
 * @internal
 */
export class Lane {
  private lastNumber = 0;
  private reportedHead = 0;
  private current: LaneBatch = { first: 1, open: 0 };
  /** Those with an open publish, and later ones, the current one last. */
  private readonly batches: LaneBatch[] = [this.current];

  constructor(readonly id: LaneId) {}

  /** The last number that was given. */
  get last(): number {
    return this.lastNumber;
  }

  /**
   * The last number up to which every publish has an outcome: the transport took it, or it gets another number. Where many
   * are in flight it is up to 64 numbers behind.
   */
  get head(): number {
    const { batches, current } = this;
    while (batches.length > 1 && batches[0]?.open === 0) batches.shift();
    const [oldest = current] = batches;
    const head = oldest.open === 0 ? this.lastNumber : oldest.first - 1;
    this.reportedHead = Math.max(head, this.reportedHead);
    return this.reportedHead;
  }

  /**
   * A publish is handed to the transport, with the number {@link last}. Returns what {@link settle} needs.
   *
   * @param again the same event as the last one, to another channel
   */
  begin(again = false): LaneBatch {
    // A head that was reported covers all publishes with its number.
    if (!again || this.lastNumber <= this.reportedHead) {
      this.lastNumber++;
      if (this.lastNumber - this.current.first >= NUMBERS_PER_BATCH) {
        this.current = { first: this.lastNumber, open: 0 };
        this.batches.push(this.current);
      }
    }
    this.current.open++;
    return this.current;
  }
}

/** How far an instance has come on one of its lanes, as its record says. @internal */
export interface LaneHead {
  readonly lane: LaneId;
  /**
   * The server that keeps the order of the lane: the same name for all instances that publish there. Empty: not known yet,
   * `?`: it was left before it was known.
   */
  readonly server: string;
  /** The last number up to which the server has taken every publish. */
  readonly head: number;
  /** The last number that was given. Those beyond the head are in flight. */
  readonly last: number;
}

/** The server of a lane that was left before it was known. */
const UNKNOWN_SERVER = '?';

interface NamedLane {
  readonly lane: Lane;
  /** A channel that takes this lane. */
  readonly channel: string;
  server: string | undefined;
  /** The last number when it was looked at, and since when it is the same, in monotonic time (`performance.now()`). */
  seen: number;
  seenAt: number;
}

/** @internal */
export interface LanesDeps {
  /** The name of the order that the transport keeps for a publish on this channel. */
  laneOf(this: void, channel: string): string;
  /** The server that takes a publish on this channel; undefined: not known yet. */
  serverOf(this: void, channel: string): string | undefined;
  /** A lane that was left is listed for so long after its last publish. */
  readonly keptMs: number;
}

/**
 * The lanes of this instance. The transport names the order that a publish takes; where it has to make a new connection
 * the name is another one, since nobody knows how the two orders fit together.
 *
 * @internal
 */
export class Lanes {
  private readonly byName = new Map<string, NamedLane>();
  private count = 0;
  private lastName: string | undefined;
  private lastLane = new Lane(0);

  constructor(private readonly deps: LanesDeps) {}

  /** The lane on which a channel is published now: mostly the one of the last call. */
  of(channel: string): Lane {
    const name = this.deps.laneOf(channel);
    if (name === this.lastName) return this.lastLane;
    const named = this.byName.get(name) ?? this.add(name, channel);
    this.lastName = name;
    this.lastLane = named.lane;
    return named.lane;
  }

  /** The last number that was given on each lane. */
  lasts(): Map<LaneId, number> {
    return new Map([...this.byName.values()].map(({ lane: { id, last } }) => [id, last]));
  }

  heads(): LaneHead[] {
    this.removeLeft();
    return [...this.byName].map(([name, named]) => {
      const { lane } = named;
      named.server ??= this.serverOf(name, named);
      // The head first: it is never beyond the last number.
      const { head } = lane;
      return { lane: lane.id, server: named.server ?? '', head, last: lane.last };
    });
  }

  private add(name: string, channel: string): NamedLane {
    if (this.byName.size >= MAX_LANES) this.remove(this.leastNeeded());
    const server = this.deps.serverOf(channel);
    const seenAt = performance.now();
    const named = { lane: new Lane(++this.count), channel, server, seen: 0, seenAt };
    this.byName.set(name, named);
    return named;
  }

  private isCurrent(name: string, { channel }: NamedLane): boolean {
    return this.deps.laneOf(channel) === name;
  }

  private serverOf(name: string, named: NamedLane): string | undefined {
    return this.isCurrent(name, named) ? this.deps.serverOf(named.channel) : UNKNOWN_SERVER;
  }

  /** The first one that was left, or else the first one. */
  private leastNeeded(): string {
    const [first = ''] = this.byName.keys();
    for (const [name, named] of this.byName) if (!this.isCurrent(name, named)) return name;
    return first;
  }

  /** The newest lane stays, so that the record shows that there were others before. */
  private removeLeft(): void {
    const now = performance.now();
    for (const [name, named] of this.byName) {
      const { lane, seen, seenAt } = named;
      if (lane.last > seen) {
        named.seen = lane.last;
        named.seenAt = now;
      } else if (
        now - seenAt >= this.deps.keptMs &&
        lane.id < this.count &&
        lane.head === lane.last &&
        !this.isCurrent(name, named)
      ) {
        this.remove(name);
      }
    }
  }

  private remove(name: string): void {
    this.byName.delete(name);
    if (name === this.lastName) this.lastName = undefined;
  }
}
