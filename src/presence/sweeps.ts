import type { Reporter } from '../reporting/reporter.js';
import { BUCKETS } from './presence-buckets.js';
import type { Lease, Owner, PresenceStore, Swept } from './presence-store.js';

const AT_ONCE = 8;

/** Who takes the users of dead owners off them. @internal */
export interface Sweeper {
  readonly store: PresenceStore;
  /** Undefined while there is none. */
  lease(): Lease | undefined;
  /** What comes of it. Returns false where this instance can't take it. */
  adopt(bucket: number, swept: Swept, lease: Lease): boolean;
  /** It is unknown what has come of it. */
  failed(bucket: number, error: unknown): void;
}

/** The dead owners whose users this instance is taking over. @internal */
export class Sweeps {
  private readonly underWay = new Set<Owner>();

  constructor(
    private readonly sweeper: Sweeper,
    private readonly reporter: Reporter,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  get owners(): Owner[] {
    return [...this.underWay];
  }

  async begin(dead: Owner): Promise<void> {
    if (this.underWay.has(dead)) return;
    this.underWay.add(dead);
    try {
      if (await sweepAll(this.sweeper, dead)) {
        this.reporter.logger.log(`Took over the users of instance ${dead}, which has ended.`);
      }
    } catch (error) {
      this.onFailed(error);
    } finally {
      this.underWay.delete(dead);
    }
  }
}

/**
 * Takes the users of a dead owner off it, in all buckets: what fails is tried again as long as others succeed. Returns
 * whether it is done: otherwise somebody has to begin anew.
 */
async function sweepAll(sweeper: Sweeper, dead: Owner): Promise<boolean> {
  const left = new Set(Array.from({ length: BUCKETS }, (_, bucket) => bucket));
  while (left.size > 0) {
    const { size } = left;
    await sweepSome(sweeper, dead, left);
    if (left.size === size) return false;
  }
  await sweeper.store.buried(dead);
  return true;
}

async function sweepSome(sweeper: Sweeper, dead: Owner, left: Set<number>): Promise<void> {
  const buckets = [...left].values();
  const sweepNext = async (): Promise<void> => {
    for (const bucket of buckets) {
      if (!(await sweepBucket(sweeper, dead, bucket))) return;
      left.delete(bucket);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sweepNext));
}

async function sweepBucket(sweeper: Sweeper, dead: Owner, bucket: number): Promise<boolean> {
  let cursor: string | undefined;
  try {
    do {
      const lease = sweeper.lease();
      if (lease === undefined) return false;
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
