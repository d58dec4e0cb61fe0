import { isPassing, PropagatorError, reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ReplyMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterBus } from './cluster-bus.js';

/** The delay before a message that cannot be published is tried again, and the time limit for all attempts. */
const RETRY_MS = 50;
const RETRY_LIMIT_MS = 5_000;
/** If very many messages are waiting, each is tried less often. */
const MAX_PER_MS = 10;

/** The id of requests that need no reply. */
export const NO_REPLY = 0;

interface ReplyStreamDeps {
  readonly bus: Pick<ClusterBus, 'sendTo'>;
  readonly reporter: Reporter;
}

/**
 * The reply of this instance to one request: parts, and an end. Each message has a number, so that the caller
 * ignores repeated ones and notices lost ones: a part must not pass for the whole reply.
 *
 * @internal
 */
export class ReplyStream {
  private count = 0;
  private readonly parts: Promise<boolean>[] = [];
  /** The number of messages to try again. */
  private waiting = 0;

  constructor(
    private readonly deps: ReplyStreamDeps,
    private readonly to: InstanceId,
    private readonly id: number,
  ) {}

  /** Resolves to whether the caller received it; the promise may be ignored. */
  readonly push = (part: unknown): Promise<boolean> => {
    const sent = this.send({ done: false, part });
    this.parts.push(sent);
    return sent;
  };

  /** Resolves once all parts are sent, or cannot be. */
  async end(part: unknown): Promise<void> {
    await Promise.all(this.parts);
    await this.send({ done: true, ...(part !== undefined && { part }) });
  }

  /** Sends a failure after the earlier parts, so that the caller does not wait in vain. */
  async fail(why: string): Promise<void> {
    await Promise.all(this.parts);
    await this.reply({ type: 'reply', id: this.id, done: true, error: why });
  }

  private send(rest: Pick<ReplyMessage, 'done' | 'part'>): Promise<boolean> {
    return this.reply({ type: 'reply', id: this.id, number: this.count++, ...rest });
  }

  /** Resolves to whether anybody received it; never rejects. */
  private async reply(message: ReplyMessage): Promise<boolean> {
    if (this.id === NO_REPLY) return false;
    const triesEnd = performance.now() + RETRY_LIMIT_MS;
    for (;;) {
      try {
        return await this.deps.bus.sendTo(this.to, message);
      } catch (error) {
        if (!isPassing(error) || performance.now() >= triesEnd) return this.refused(message, error);
      }
      // After an outage this instance may receive a request before it can publish, and the caller waits.
      this.waiting++;
      await pause(Math.max(RETRY_MS, this.waiting / MAX_PER_MS));
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
      // A list is split into two messages, until an item that cannot be sent is alone: it must not affect the
      // others.
      const middle = part.length >> 1;
      const isThere = await this.reply({ ...message, part: part.slice(0, middle), done: false });
      return isThere && this.send({ part: part.slice(middle), done });
    }
    this.deps.reporter.report('reply.failed', () => reasonOf(error));
    // The caller notices the missing number, and treats the reply as incomplete.
    if (done) await this.fail('failed');
    return true;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Trying again would not help. */
function isUnsendable(error: unknown): boolean {
  return (
    error instanceof PropagatorError &&
    (error.code === 'event.too-large' || error.code === 'event.unserialisable')
  );
}
