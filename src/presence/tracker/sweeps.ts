import type { Reporter } from '../../reporting/reporter.js';
import { BUCKETS } from '../store/presence-buckets.js';
import type { Lease, Owner, PresenceStore, Swept } from '../store/presence-store.js';

/** The number of buckets swept at once. */
const MAX_AT_ONCE = 8;

/** Dependencies of {@link Sweeps}. @internal */
export interface Sweeper {
  readonly store: PresenceStore;
  /** The current lease; undefined while there is none. */
  lease(): Lease | undefined;
  /** Takes over the result of sweeping a bucket. Returns false if the lease has ended. */
  adopt(bucket: number, swept: Swept, lease: Lease): boolean;
  /** The sweep of a bucket failed; it may have been applied or not. */
  failed(bucket: number, error: unknown): void;
}

/** The progress of one sweep. */
interface Sweep {
  /** Buckets that may still hold users of the dead owner. */
  readonly left: Set<number>;
  /** The connection on which the other buckets were swept. After a failover Redis may have lost these sweeps. */
  readonly connection: number;
  isRunning: boolean;
  /** Whether the last round swept a bucket. If not, the claim expires and other instances try as well. */
  isAdvancing: boolean;
}

/**
 * Removes dead owners from their users. A sweep that stops, such as when the lease ends before a reply, continues with the
 * next renewal of the lease: on a slow Redis a sweep that started over each time would never end.
 *
 * @internal
 */
export class Sweeps {
  private readonly sweeps = new Map<Owner, Sweep>();

  constructor(
    private readonly sweeper: Sweeper,
    private readonly reporter: Reporter,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  /** Dead owners that the store should not assign to other instances. */
  get owners(): Owner[] {
    return [...this.sweeps].filter(([, { isAdvancing }]) => isAdvancing).map(([owner]) => owner);
  }

  /** Called after each renewal of the lease, with dead owners that the store has assigned to this instance. */
  async renewed(assigned: readonly Owner[]): Promise<void> {
    const { connection } = this.sweeper.store;
    for (const [owner, sweep] of this.sweeps) {
      if (!sweep.isRunning && sweep.connection !== connection) this.sweeps.delete(owner);
    }
    for (const owner of assigned) {
      if (!this.sweeps.has(owner)) this.sweeps.set(owner, newSweep(connection));
    }
    await Promise.all([...this.sweeps].map(([owner, sweep]) => this.continue(owner, sweep)));
  }

  private async continue(dead: Owner, sweep: Sweep): Promise<void> {
    if (sweep.isRunning) return;
    sweep.isRunning = true;
    try {
      if (await sweepAll(this.sweeper, dead, sweep)) {
        this.sweeps.delete(dead);
        this.reporter.logger.log(`Took over the users of instance ${dead}, which has ended.`);
      }
    } catch (error) {
      this.onFailed(error);
    } finally {
      sweep.isRunning = false;
    }
  }
}

function newSweep(connection: number): Sweep {
  const left = new Set(Array.from({ length: BUCKETS }, (_, bucket) => bucket));
  return { left, connection, isRunning: false, isAdvancing: true };
}

/** Returns whether all buckets are swept. If not, the last round swept none. */
async function sweepAll(sweeper: Sweeper, dead: Owner, sweep: Sweep): Promise<boolean> {
  const { left } = sweep;
  while (left.size > 0) {
    const { size } = left;
    await sweepSome(sweeper, dead, sweep);
    sweep.isAdvancing = left.size < size;
    if (!sweep.isAdvancing) return false;
  }
  await sweeper.store.sweepFinished(dead);
  return true;
}

async function sweepSome(sweeper: Sweeper, dead: Owner, sweep: Sweep): Promise<void> {
  const { left, connection } = sweep;
  const buckets = [...left].values();
  const sweepNext = async (): Promise<void> => {
    for (const bucket of buckets) {
      if (!(await sweepBucket(sweeper, dead, bucket, connection))) return;
      left.delete(bucket);
    }
  };
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, sweepNext));
}

async function sweepBucket(
  sweeper: Sweeper,
  dead: Owner,
  bucket: number,
  connection: number,
): Promise<boolean> {
  let cursor: string | undefined;
  try {
    do {
      const lease = sweeper.lease();
      if (lease?.connection !== connection) return false;
      const swept: Swept = await sweeper.store.sweep(bucket, lease, dead, cursor);
      if (!sweeper.adopt(bucket, swept, lease)) return false;
      ({ cursor } = swept);
    } while (cursor !== undefined);
    return true;
  } catch (error) {
    sweeper.failed(bucket, error);
    return false;
  }
}
