import { after, type Failed } from '../reporting/timers.js';
import type { RecordsPlace } from '../wire/cluster-message.js';

interface NewsDeps {
  /** The time within which instances react, each at a random moment, in ms. */
  spreadMs(): number;
  /** Up to where this instance has read the records. */
  known(): RecordsPlace;
  /** Renews the own record and reads the others. Never rejects. */
  beat(): Promise<void>;
  /** Says that there are new records. Never rejects. */
  sayHello(): Promise<void>;
  /** Whether an instance is known that reads no records: it has to hear each of the others by itself. */
  isAwaited(): boolean;
  readonly failed: Failed;
}

/**
 * When to tell others of new records, and when to read those of others. One message is enough for all records that were written
 * before it, and one beat for all messages that came before it: each waits for a random moment.
 *
 * @internal
 */
export class News {
  /** The place of the own record, until the others know that it is there. */
  private unannounced: RecordsPlace | undefined;
  /** Up to where other instances have said that there are new records. */
  private announced: RecordsPlace | undefined;
  private helloTimer: NodeJS.Timeout | undefined;
  private beatTimer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly deps: NewsDeps) {}

  /** The record of this instance is new, or alive again: others have to read it. */
  wrote(place: RecordsPlace): void {
    this.unannounced = place;
  }

  /** This instance has said up to where there are new records. */
  said(): void {
    this.unannounced = undefined;
  }

  /** Says hello soon, if the others do not know the own record. */
  sayHelloSoon(): void {
    const { deps } = this;
    if (this.unannounced === undefined || this.closed) return;
    this.helloTimer ??= this.soon(async () => {
      // The hello stands for all records that were written up to now.
      if (this.unannounced !== undefined) await deps.beat();
      this.helloTimer = undefined;
      if (this.unannounced !== undefined && !this.closed) await deps.sayHello();
    });
  }

  /** Another instance says up to where there are new records. */
  heard(place: RecordsPlace): void {
    const { deps, unannounced, announced } = this;
    const { data, version } = place;
    if (unannounced?.data === data && unannounced.version <= version && !deps.isAwaited())
      this.unannounced = undefined;
    if (this.closed || !this.isUnread(place)) return;
    if (announced?.data !== data || version > announced.version) this.announced = place;
    this.beatTimer ??= this.soon(async () => {
      this.beatTimer = undefined;
      if (this.isUnread(this.announced)) await deps.beat();
    });
  }

  /**
   * The last record of this instance was written.
   *
   * @returns whether the others have to be told: nobody else did within a random time
   */
  async ended(place: RecordsPlace): Promise<boolean> {
    this.unannounced = place;
    await new Promise<void>((resolve) => {
      this.soon(resolve).ref();
    });
    return this.unannounced !== undefined;
  }

  /** No more hello, and no more beats. */
  close(): void {
    this.closed = true;
    clearTimeout(this.helloTimer);
    clearTimeout(this.beatTimer);
  }

  private isUnread(place: RecordsPlace | undefined): boolean {
    const { data, version } = this.deps.known();
    return place !== undefined && (place.data !== data || place.version > version);
  }

  private soon(act: () => unknown): NodeJS.Timeout {
    const { deps } = this;
    return after(Math.random() * deps.spreadMs(), deps.failed, act).unref();
  }
}
