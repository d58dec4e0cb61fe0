import { Subject, type Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Failed } from '../reporting/timers.js';
import type { MembershipMessage, RecordsPlace } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';

interface AnnouncementsDeps {
  readonly bus: Pick<ClusterBus, 'sendTo' | 'sendToAll'>;
  readonly pubSub: Pick<PubSub, 'state'>;
  /** The details and the record of this instance. */
  describe(): Pick<MembershipMessage, 'member' | 'record'>;
  readonly reporter: Reporter;
  readonly failed: Failed;
}

type Type = MembershipMessage['type'];

/** The messages by which this instance says that it is there: to all instances, or to one. @internal */
export class Announcements {
  private last = 0;
  private readonly counts = new Subject<number>();
  private isCountWanted = false;

  /** Emits how many other subscribers got a message to all. */
  readonly subscribers$: Observable<number> = this.counts.asObservable();

  constructor(private readonly deps: AnnouncementsDeps) {}

  /** Whether the subscribers should be counted. */
  get wantsCount(): boolean {
    return this.isCountWanted;
  }

  /** A request waits for more subscribers than there are members. */
  countSubscribers(): void {
    this.isCountWanted = true;
  }

  /** Whether this instance cannot have sent the message with this number. */
  isForged(beat: number): boolean {
    return beat > this.last;
  }

  /**
   * @param place where the record of this instance is; undefined: nowhere
   * @throws PropagatorError any error of the transport
   */
  async toAll(type: Type, place: RecordsPlace | undefined): Promise<void> {
    const subscribers = await this.deps.bus.sendToAll(this.message(type, ++this.last, place));
    this.isCountWanted = false;
    this.counts.next(subscribers);
  }

  /** Tells one instance that this one is there. Failures are counted. */
  answer(origin: InstanceId, place: RecordsPlace | undefined): void {
    const { bus, pubSub, reporter } = this.deps;
    if (pubSub.state === 'closed') return;
    reporter.attempt(
      'heartbeat.failed',
      () => 'heartbeat',
      () =>
        bus.sendTo(origin, this.message('heartbeat', 0, place)).catch((error: unknown) => {
          this.notSent(error);
        }),
    );
  }

  /** A message or a beat has failed. */
  notSent(error: unknown): void {
    // The state says that Redis is down, and the log has said so, too.
    if (error instanceof PropagatorError) this.deps.reporter.count('heartbeat.failed');
    else this.deps.failed(error);
  }

  close(): void {
    this.counts.complete();
  }

  private message(type: Type, beat: number, place: RecordsPlace | undefined): MembershipMessage {
    const at = place && { records: { data: place.data, version: place.version } };
    return { type, beat, ...this.deps.describe(), ...at };
  }
}
