import type { InstanceId } from '../wire/envelope.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import { lastHeardFrom, type Outage } from './outage.js';
import type { RequestOutcome } from '../cluster/pending-request.js';
import { ChannelFilter } from './channel-filter.js';
import { REPAIR, repairedBy, type Repaired } from './repair-server.js';

/** Replies arrive over one connection, and Redis disconnects a client that has too much to read. */
const MAX_AT_ONCE = 4;

interface RepairClientDeps {
  readonly requests: Pick<ClusterRequests, 'request'>;
  readonly cluster: ClusterService;
  channels(): Iterable<string>;
}

interface RepairListener {
  /** @param heard the highest number received from the instance before */
  deliver(origin: InstanceId, repaired: Repaired, heard: number): void;
  /** The instance has replied completely. */
  release(origin: InstanceId): void;
}

interface RepairScope {
  isWanted(this: void, channel: string): boolean;
  isCurrent(this: void): boolean;
}

/**
 * Asks the other instances for the events that this one has missed.
 *
 * @internal
 */
export class RepairClient {
  /** Set while instances are asked one by one. */
  private enqueueNewcomer: ((origin: InstanceId) => void) | undefined;

  constructor(
    private readonly deps: RepairClientDeps,
    private readonly listener: RepairListener,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Asks all instances that have not replied: at once or, if there are many, a few at a time. Drops replies that arrive
   * when the outage is no longer current.
   */
  async ask(outage: Outage, { isWanted, isCurrent }: RepairScope): Promise<RequestOutcome> {
    const { repaired, since } = outage;
    const { requests } = this.deps;
    const isOpen = (origin: InstanceId): boolean => isCurrent() && !repaired.has(origin);
    const wanted = ChannelFilter.of(this.deps.channels(), isWanted).encode();
    const known = this.unrepaired(outage);
    const asked = new Set(known.length > MAX_AT_ONCE ? known : []);
    const ask = (to?: InstanceId) =>
      requests.request({
        operation: REPAIR,
        params: {
          ageMs: performance.now() - since,
          ...wanted,
          except: to === undefined ? [...new Set([...repaired, ...asked])] : [],
        },
        ...(to !== undefined && { to }),
        timeoutMs: this.timeoutMs,
        partsExtendDeadline: true,
        onPart: (origin, part) => {
          const reply = repairedBy(origin, part);
          if (isOpen(origin)) this.listener.deliver(origin, reply, lastHeardFrom(outage, origin));
        },
        onReplied: (origin) => {
          // Instances that are asked one by one are excluded from the request to all: their empty reply to it says nothing.
          if (!isOpen(origin) || (to === undefined && asked.has(origin))) return;
          repaired.add(origin);
          this.listener.release(origin);
        },
      });
    await this.askEach(asked, async (origin) => {
      if (isOpen(origin)) await ask(origin);
    });
    // All replies would be dropped.
    if (!isCurrent()) return { replied: [], missing: [], complete: false };
    // There may be instances that are not known here yet.
    const { replied, missing, complete } = await ask();
    const open = [...asked].filter((origin) => !repaired.has(origin));
    return { replied, missing: [...missing, ...open], complete: complete && open.length === 0 };
  }

  /** Adds an instance that has started or come back, so that it is asked along with the others. */
  enqueue(origin: InstanceId): void {
    this.enqueueNewcomer?.(origin);
  }

  /** Asks a few instances at a time, including those that start or come back meanwhile. */
  private async askEach(
    asked: Set<InstanceId>,
    ask: (origin: InstanceId) => Promise<void>,
  ): Promise<void> {
    if (asked.size === 0) return;
    const queue = [...asked];
    let busy = 0;
    const lane = async (): Promise<void> => {
      busy++;
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await ask(next);
      busy--;
    };
    const lanes = Array.from({ length: MAX_AT_ONCE }, lane);
    this.enqueueNewcomer = (origin) => {
      if (queue.includes(origin)) return;
      asked.add(origin);
      queue.push(origin);
      if (busy < MAX_AT_ONCE) lanes.push(lane());
    };
    try {
      let waited: number;
      do {
        waited = lanes.length;
        await Promise.all(lanes);
      } while (lanes.length > waited);
    } finally {
      this.enqueueNewcomer = undefined;
    }
  }

  /**
   * Instances that have not replied: earlier members and current ones. The order begins behind this instance's own id,
   * so that the instances of a cluster do not all ask the same one first.
   */
  private unrepaired({ members, repaired }: Outage): InstanceId[] {
    const { cluster } = this.deps;
    const { instanceId: self } = cluster.self;
    const there = cluster.otherMembers().map(({ instanceId }) => instanceId);
    const open = [...new Set([...members, ...there])].filter((origin) => !repaired.has(origin));
    const sorted = open.toSorted();
    return [...sorted.filter((id) => id > self), ...sorted.filter((id) => id < self)];
  }
}
