import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ReplyMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';

/** What cannot be published is tried again after that, and for at most so long. */
const AGAIN_MS = 50;
const WITHIN_MS = 5_000;
/** Of very many each is tried more rarely. */
const MAX_PER_MS = 10;

/** Id of requests that want no answer. */
export const NO_REPLY = 0;

interface ReplyStreamDeps {
  readonly bus: Pick<ClusterBus, 'sendTo'>;
  readonly reporter: Reporter;
}

/**
 * What this instance answers to one question: parts, and a last word. Each has its number, so that whoever asked
 * takes none twice and notices one that was lost: part of an answer must not pass for a whole one.
 *
 * @internal
 */
export class ReplyStream {
  private count = 0;
  private readonly parts: Promise<boolean>[] = [];
  /** How many are to be tried again. */
  private waiting = 0;

  constructor(
    private readonly deps: ReplyStreamDeps,
    private readonly to: InstanceId,
    private readonly id: number,
  ) {}

  /** Resolves to whether whoever asked was there to get it; may be left unawaited. */
  readonly push = (part: unknown): Promise<boolean> => {
    const sent = this.send({ done: false, part });
    this.parts.push(sent);
    return sent;
  };

  /** Once all parts are sent, or cannot be. */
  async end(part: unknown): Promise<void> {
    await Promise.all(this.parts);
    await this.send({ done: true, ...(part !== undefined && { part }) });
  }

  /** What cannot be answered is no reason to let the other side wait. What was said before comes first, here too. */
  async fail(why: string): Promise<void> {
    await Promise.all(this.parts);
    await this.reply({ type: 'reply', id: this.id, done: true, error: why });
  }

  private send(rest: Pick<ReplyMessage, 'done' | 'part'>): Promise<boolean> {
    return this.reply({ type: 'reply', id: this.id, number: this.count++, ...rest });
  }

  /** Resolves to whether it arrived at somebody; never rejects. */
  private async reply(message: ReplyMessage): Promise<boolean> {
    if (this.id === NO_REPLY) return false;
    const triesEnd = performance.now() + WITHIN_MS;
    for (;;) {
      try {
        return await this.deps.bus.sendTo(this.to, message);
      } catch (error) {
        if (!isPassing(error) || performance.now() >= triesEnd) return this.refused(message, error);
      }
      // After an outage this instance may hear a question before it can publish, and whoever asked waits.
      this.waiting++;
      await pause(Math.max(AGAIN_MS, this.waiting / MAX_PER_MS));
      this.waiting--;
    }
  }

  private async refused(message: ReplyMessage, error: unknown): Promise<boolean> {
    const { part, done } = message;
    if (part === undefined || !isUnsendable(error)) {
      this.deps.reporter.report('reply.failed', () => reasonOf(error));
      return false;
    }
    if (Array.isArray(part) && part.length > 1) {
      // A list goes in two messages, until a member that cannot be sent is alone: it must not spoil the others.
      const middle = part.length >> 1;
      const isThere = await this.reply({ ...message, part: part.slice(0, middle), done: false });
      return isThere && this.send({ part: part.slice(middle), done });
    }
    this.deps.reporter.report('reply.failed', () => reasonOf(error));
    // The other side notices that this number is missing, and takes the rest for what it is.
    if (done) await this.fail('failed');
    return true;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** It will not be sent at another time either. */
function isUnsendable(error: unknown): boolean {
  return (
    error instanceof PropagatorError &&
    (error.code === 'event.too-large' || error.code === 'event.unserialisable')
  );
}
