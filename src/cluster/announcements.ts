import { Subject, type Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Failed } from '../reporting/timers.js';
import type { MembershipMessage, RecordsPlace } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';
import { MAX_MEMBERS } from './members.js';

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
  /** The instances that were answered since the last message to all, which answers those that follow. */
  private readonly answered = new Set<InstanceId>();
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
    const { bus } = this.deps;
    this.answered.clear();
    const message = this.message(type, ++this.last, place);
    const subscribers = await this.send(message, (each) => bus.sendToAll(each));
    this.isCountWanted = false;
    this.counts.next(subscribers);
  }

  /** Tells one instance that this one is there, once between two messages to all. Failures are counted. */
  answer(origin: InstanceId, place: RecordsPlace | undefined): void {
    const { bus, pubSub, reporter } = this.deps;
    if (pubSub.state === 'closed') return;
    if (this.answered.has(origin) || this.answered.size >= MAX_MEMBERS) return;
    this.answered.add(origin);
    reporter.attempt(
      'heartbeat.failed',
      () => 'heartbeat',
      () =>
        this.send(this.message('heartbeat', 0, place), (each) => bus.sendTo(origin, each)).catch(
          (error: unknown) => {
            this.notSent(error);
          },
        ),
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

  /** Where the record makes the message too large it is left out. Without one, the others report each outage as a gap. */
  private async send<T>(
    message: MembershipMessage,
    send: (message: MembershipMessage) => Promise<T>,
  ): Promise<T> {
    try {
      return await send(message);
    } catch (error) {
      const isTooLarge = error instanceof PropagatorError && error.code === 'event.too-large';
      if (!isTooLarge || message.record === undefined) throw error;
      this.deps.reporter.report('record.too-large', () => `of this instance: ${error.message}`);
      const { record: _, ...rest } = message;
      return await send(rest);
    }
  }

  private message(type: Type, beat: number, place: RecordsPlace | undefined): MembershipMessage {
    const at = place && { records: { data: place.data, version: place.version } };
    return { type, beat, ...this.deps.describe(), ...at };
  }
}
