import { after, guarded, type Failed } from '../reporting/timers.js';
import type { Pull } from './outage.js';

/** Pages come over one connection: so many instances are asked at a time. */
const MAX_ASKED = 4;
/** The pauses before an instance that did not answer is asked again, growing up to the last. */
const PAUSE_MS = [100, 1_000] as const;

interface QuestionsDeps<Page> {
  /** Asks for the next page of an instance. Rejects if it does not answer, or if the signal says that nobody needs it. */
  ask(this: void, pull: Pull, signal: AbortSignal): Promise<Page>;
  /** Takes a page. The pull is asked again until it is done. If this throws, the instance has not answered. */
  take(this: void, pull: Pull, page: Page): void;
  /** An instance did not answer. Returns whether to ask again, after a pause. */
  unanswered(this: void, pull: Pull): boolean;
  /** No more questions of an instance are open for now. */
  settled(this: void): void;
  readonly failed: Failed;
}

/**
 * The questions to other instances: page after page, to a few instances at a time, and again after a pause where there is no
 * answer. What a page means is not known here.
 *
 * @internal
 */
export class Questions<Page> {
  private readonly queue: Pull[] = [];
  private asked = 0;
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Aborted when the open questions end. */
  private turn = new AbortController();

  constructor(private readonly deps: QuestionsDeps<Page>) {}

  /** Asks an instance, unless it is being asked, or is done. */
  add(pull: Pull): void {
    if (pull.state !== 'waiting') return;
    pull.state = 'asking';
    this.queue.push(pull);
    this.askNext();
  }

  /** Ends all questions. Their answers are not taken any more. */
  end(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.queue.length = 0;
    this.asked = 0;
    this.turn.abort();
    this.turn = new AbortController();
  }

  private askNext(): void {
    while (this.asked < MAX_ASKED) {
      const pull = this.queue.shift();
      if (pull === undefined) return;
      this.asked++;
      guarded(this.deps.failed, () => this.askFor(pull))();
    }
  }

  private async askFor(pull: Pull): Promise<void> {
    const { deps } = this;
    const { signal } = this.turn;
    const isOpen = (): boolean => !signal.aborted && pull.state === 'asking';
    try {
      while (isOpen()) {
        const { hasEnded } = pull;
        const page = await deps.ask(pull, signal);
        // If it has ended meanwhile, its pages are read from the beginning.
        if (isOpen() && hasEnded === pull.hasEnded) deps.take(pull, page);
      }
    } catch {
      if (isOpen()) this.askLater(pull, signal);
    } finally {
      if (!signal.aborted) {
        this.asked--;
        this.askNext();
        deps.settled();
      }
    }
  }

  private askLater(pull: Pull, signal: AbortSignal): void {
    const { deps } = this;
    if (!deps.unanswered(pull)) return;
    const [shortest, longest] = PAUSE_MS;
    pull.failures++;
    const timer = after(Math.min(shortest * pull.failures, longest), deps.failed, () => {
      this.timers.delete(timer);
      if (signal.aborted || pull.state !== 'asking') return;
      this.queue.push(pull);
      this.askNext();
    }).unref();
    this.timers.add(timer);
  }
}
