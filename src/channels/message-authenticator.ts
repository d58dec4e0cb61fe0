import type { KeyObject } from 'node:crypto';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { isSignedText, signEnvelope, signText, verifiedTag } from '../wire/signature.js';
import { isRepeated, sentAtOf } from '../wire/envelope.js';
import { ReplayCache } from './replay-cache.js';

/** How far apart the clocks of two instances may be. */
const MAX_SKEW_MS = 60_000;
/** An older message is a replay, unless the outbox keeps events for longer. */
const MIN_AGE_MS = 240_000;

/**
 * Signs the messages of this instance. Accepts a message once, if it is signed with the secret and was sent recently.
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
        () => 'more messages than can be remembered: old ones may be accepted twice',
      ),
    );
  }

  /** Undefined without the option `secret`. */
  static of(
    { secret, outbox }: Pick<ResolvedOptions, 'secret' | 'outbox'>,
    reporter: Reporter,
  ): MessageAuthenticator | undefined {
    const [key] = secret ?? [];
    if (secret === undefined || key === undefined) return undefined;
    return new MessageAuthenticator(key, secret, outbox?.maxAgeMs ?? 0, reporter);
  }

  /** Signs an envelope that has room for a signature, which is valid on this channel only. */
  sign(bytes: Buffer, channel: string): void {
    signEnvelope(bytes, channel, this.key);
  }

  /** Whether to accept a message of a channel. A refusal is counted and reported. */
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
    // The sender did not know whether the first attempt had arrived.
    if (isRepeated(bytes)) {
      this.reporter.count('event.repeated');
      return false;
    }
    this.reporter.report('message.replayed', () => `on ${channel}`);
    return false;
  }

  /** Like {@link verify} for a message that another instance backfills: it may be old, and known already. */
  verifyReplayed(bytes: Buffer, channel: string): boolean {
    const tag = this.verified(bytes, channel);
    if (tag === undefined) return false;
    this.seen.add(tag);
    return true;
  }

  /** Like {@link verify} for a message that is only read: it may be old, and may still arrive. */
  verifyRead(bytes: Buffer, channel: string): boolean {
    return this.verified(bytes, channel) !== undefined;
  }

  /** The signature of a text in the name of its author. */
  signText(text: string, name: string): string {
    return signText(text, name, this.key);
  }

  /** Whether the author with this name has signed a text. A refusal is counted and reported. */
  verifyText(text: string, name: string, signature: string): boolean {
    if (isSignedText(text, name, signature, this.keys)) return true;
    if (signature === '') this.reporter.report('message.unsigned', () => `the record ${name}`);
    else this.reporter.report('message.forged', () => `the record ${name}: a wrong signature`);
    return false;
  }

  private verified(bytes: Buffer, channel: string): Buffer | undefined {
    const tag = verifiedTag(bytes, channel, this.keys);
    if (typeof tag !== 'string') return tag;
    if (tag === 'unsigned') this.reporter.report('message.unsigned', () => `on ${channel}`);
    else this.reporter.report('message.forged', () => `on ${channel}: the signature is wrong`);
    return undefined;
  }
}
