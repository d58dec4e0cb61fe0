import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { after } from '../reporting/timers.js';

/** The target of a revocation: a user, perhaps except one session; or a session. @internal */
export type Revoked =
  | { readonly userId: string; readonly exceptSessionId?: string | undefined }
  | { readonly sessionId: string };

interface Revocation {
  readonly revoked: Revoked;
  /** ms since 1970, compared with the claims of a token. */
  readonly at: number;
  /** Monotonic time (`performance.now()`). */
  readonly endsAt: number;
}

/**
 * A place in the chain of revocations, with a reference to the next one. Parts of the chain without a reference are
 * garbage collected.
 */
interface Link {
  readonly revocation?: Revocation;
  next?: Link;
}

/** A moment for which revocations that came later can be looked up. @internal */
export type Moment = Link;

/** Limits the memory for a flood of revocations. */
const MAX_LASTING = 100_000;
const SWEEP_MS = 1_000;

/**
 * Identities that this instance refuses: those revoked during their authentication and, for a while, all revoked
 * ones except later logins. After that only `authenticate` of the app decides.
 *
 * @internal
 */
export class Revocations {
  private last: Link = {};
  /** All later revocations are in force. */
  private beforeOldest: Link = this.last;
  private readonly lasting = new Map<string, Set<Revocation>>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    /** How long revocations last, in ms. 0: only authentications in progress are refused. */
    private readonly lastingMs: number,
    private readonly reporter: Reporter,
  ) {}

  /** The number of revocations in force. */
  get size(): number {
    return this.count;
  }

  now(): Moment {
    return this.last;
  }

  add(revoked: Revoked): void {
    const endsAt = performance.now() + this.lastingMs;
    const revocation: Revocation = { revoked, at: Date.now(), endsAt };
    const link: Link = { revocation };
    this.last.next = link;
    this.last = link;
    if (this.lastingMs === 0) {
      this.beforeOldest = link;
      return;
    }
    const key = keyOf(revoked);
    const others = this.lasting.get(key);
    if (others === undefined) this.lasting.set(key, new Set([revocation]));
    else others.add(revocation);
    if (++this.count > MAX_LASTING) {
      this.reporter.report(
        'revocation.forgotten',
        () => `more than ${MAX_LASTING} at once: the oldest ends early`,
      );
      this.forgetOldest();
    }
    this.timer ??= this.sweepIn(this.lastingMs);
  }

  /** Tells whether to refuse an identity whose authentication began at that moment. */
  refuses(identity: AuthenticatedIdentity, since: Moment): boolean {
    for (let link = since.next; link !== undefined; link = link.next) {
      if (link.revocation !== undefined && concerns(link.revocation.revoked, identity)) return true;
    }
    if (this.count === 0) return false;
    const { userId, sessionId } = identity;
    return this.lasts({ userId }, identity) || this.lasts({ sessionId }, identity);
  }

  /** How long an identity is refused at most from now on, in ms. */
  lastsMs({ userId, sessionId }: AuthenticatedIdentity): number {
    const now = performance.now();
    let lastsMs = 0;
    for (const key of [keyOf({ userId }), keyOf({ sessionId })]) {
      for (const { endsAt } of this.lasting.get(key) ?? []) {
        lastsMs = Math.max(lastsMs, endsAt - now);
      }
    }
    return Math.ceil(lastsMs);
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.lasting.clear();
    this.count = 0;
    this.beforeOldest = this.last;
  }

  private lasts(revoked: Revoked, identity: AuthenticatedIdentity): boolean {
    const now = performance.now();
    for (const revocation of this.lasting.get(keyOf(revoked)) ?? []) {
      const over = revocation.endsAt <= now || isLater(identity['iat'], revocation.at);
      if (!over && concerns(revocation.revoked, identity)) return true;
    }
    return false;
  }

  private forgetOldest(): void {
    const link = this.beforeOldest.next;
    if (link?.revocation === undefined) return;
    this.beforeOldest = link;
    this.count--;
    const key = keyOf(link.revocation.revoked);
    const others = this.lasting.get(key);
    if (others?.delete(link.revocation) === true && others.size === 0) this.lasting.delete(key);
  }

  /** One timer for all, and at most this often. */
  private sweepIn(ms: number): NodeJS.Timeout {
    const failed = this.reporter.failure('revocation.failed', () => 'the end of revocations');
    return after(Math.max(ms, SWEEP_MS), failed, () => {
      const now = performance.now();
      const oldest = (): number => this.beforeOldest.next?.revocation?.endsAt ?? Infinity;
      while (oldest() <= now) this.forgetOldest();
      this.timer = this.count > 0 ? this.sweepIn(oldest() - now) : undefined;
    }).unref();
  }
}

function keyOf(revoked: Revoked): string {
  return 'userId' in revoked ? `user:${revoked.userId}` : `session:${revoked.sessionId}`;
}

/** Returns true if a revocation names this user or session. @internal */
export function concerns(
  revoked: Revoked,
  { userId, sessionId }: Pick<AuthenticatedIdentity, 'userId' | 'sessionId'>,
): boolean {
  return 'userId' in revoked
    ? revoked.userId === userId && revoked.exceptSessionId !== sessionId
    : revoked.sessionId === sessionId;
}

/**
 * The claim `iat` (RFC 7519, section 4.1.6) is in seconds, and most issuers cut off fractions: a token of the same
 * second may be one of the revoked ones.
 */
function isLater(issuedAt: unknown, at: number): boolean {
  return typeof issuedAt === 'number' && issuedAt * 1_000 >= at;
}
