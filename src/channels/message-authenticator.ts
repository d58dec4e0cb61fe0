import type { KeyObject } from 'node:crypto';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { signEnvelope, verifiedTag } from '../wire/signature.js';
import { isRepeated, sentAtOf } from '../wire/envelope.js';
import { ReplayCache } from './replay-cache.js';

/** How far apart the clocks of two instances may be. */
const MAX_SKEW_MS = 60_000;
/** What was sent longer ago is a replay, unless the outbox keeps events longer than that. */
const MIN_AGE_MS = 240_000;

/**
 * Signs what this instance publishes, and lets in only what somebody signed who knows the secret, once, and not long
 * after it was sent.
 *
 * @internal
 */
export class MessageAuthenticator {
  private readonly seen: ReplayCache;
  private readonly maxAgeMs: number;

  private constructor(
    private readonly key: KeyObject,
    private readonly keys: readonly KeyObject[],
    outboxMs: number,
    private readonly reporter: Reporter,
  ) {
    this.maxAgeMs = Math.max(MIN_AGE_MS, outboxMs) + MAX_SKEW_MS;
    this.seen = new ReplayCache(this.maxAgeMs + MAX_SKEW_MS, () =>
      this.reporter.report(
        'message.replay-window',
        () => 'too much comes in to remember it all: old messages may be taken twice',
      ),
    );
  }

  /** Undefined where there is no secret. */
  static of(
    { secret, outbox }: Pick<ResolvedOptions, 'secret' | 'outbox'>,
    reporter: Reporter,
  ): MessageAuthenticator | undefined {
    const [key] = secret ?? [];
    if (secret === undefined || key === undefined) return undefined;
    return new MessageAuthenticator(key, secret, outbox?.maxAgeMs ?? 0, reporter);
  }

  /** Signs an envelope with room for it; it may be published on that channel then. */
  sign(bytes: Buffer, channel: string): void {
    signEnvelope(bytes, channel, this.key);
  }

  /** Whether to take what came over a channel. What is refused is counted and reported. */
  verify(bytes: Buffer, channel: string): boolean {
    const tag = this.verified(bytes, channel);
    if (tag === undefined) return false;
    const ageMs = Date.now() - sentAtOf(bytes);
    if (ageMs > this.maxAgeMs || ageMs < -MAX_SKEW_MS) {
      this.reporter.report(
        'message.stale',
        () => `on ${channel}, sent ${ageMs} ms ago: an old message, or a clock that is wrong`,
      );
      return false;
    }
    if (this.seen.add(tag)) return true;
    // Its sender could not know whether it had arrived.
    if (isRepeated(bytes)) {
      this.reporter.count('event.repeated');
      return false;
    }
    this.reporter.report('message.replayed', () => `on ${channel}`);
    return false;
  }

  /** The same for what an instance handed over once more: it may be old, and have come before. */
  verifyReplayed(bytes: Buffer, channel: string): boolean {
    const tag = this.verified(bytes, channel);
    if (tag === undefined) return false;
    this.seen.add(tag);
    return true;
  }

  private verified(bytes: Buffer, channel: string): Buffer | undefined {
    const tag = verifiedTag(bytes, channel, this.keys);
    if (typeof tag !== 'string') return tag;
    if (tag === 'unsigned') this.reporter.report('message.unsigned', () => `on ${channel}`);
    else this.reporter.report('message.forged', () => `on ${channel}: the signature is wrong`);
    return undefined;
  }
}
