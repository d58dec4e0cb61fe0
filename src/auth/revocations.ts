import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { after } from '../reporting/timers.js';

/** Whom a revocation is about: a user, perhaps without one session; or a session. @internal */
export type Revoked =
  | { readonly userId: string; readonly exceptSessionId?: string | undefined }
  | { readonly sessionId: string };

interface Revocation {
  readonly revoked: Revoked;
  /** ms since 1970, to be compared with what a token says. */
  readonly at: number;
  /** Monotonic time (`performance.now()`). */
  readonly endsAt: number;
}

/** A place in the chain of revocations: what was revoked later hangs on it, and what nobody asks for is collected. */
interface Link {
  readonly revocation?: Revocation;
  next?: Link;
}

/** A moment of which can be asked later who was revoked since. @internal */
export type Moment = Link;

/** Bounds what a flood of them can take. */
const MAX_LASTING = 100_000;
const SWEEP_MS = 1_000;

/**
 * Whom this instance does not let in: whoever was revoked while being authenticated, and for a while everybody who
 * was, but for logins after that. Then only the app's `authenticate` is asked.
 *
 * @internal
 */
export class Revocations {
  private last: Link = {};
  /** What hangs on it lasts still. */
  private beforeOldest: Link = this.last;
  private readonly lasting = new Map<string, Set<Revocation>>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    /** How long revocations last, in ms. 0: only who is being authenticated is refused. */
    private readonly lastingMs: number,
    private readonly reporter: Reporter,
  ) {}

  /** How many last. */
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

  /** Whether somebody whose authentication began at that moment is not to be let in. */
  refuses(identity: AuthenticatedIdentity, since: Moment): boolean {
    for (let link = since.next; link !== undefined; link = link.next) {
      if (link.revocation !== undefined && concerns(link.revocation, identity)) return true;
    }
    if (this.count === 0) return false;
    const { userId, sessionId } = identity;
    return this.lasts({ userId }, identity) || this.lasts({ sessionId }, identity);
  }

  /** For how long an identity is refused at most from now on, in ms. */
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
      if (!over && concerns(revocation, identity)) return true;
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

  /** One timer for all, and no more often than that. */
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

function concerns({ revoked }: Revocation, { userId, sessionId }: AuthenticatedIdentity): boolean {
  return 'userId' in revoked
    ? revoked.userId === userId && revoked.exceptSessionId !== sessionId
    : revoked.sessionId === sessionId;
}

/**
 * The claim `iat` (RFC 7519, section 4.1.6) is in seconds, and most issuers cut off what is less: a token of the same second may
 * be one of those that were revoked.
 */
function isLater(issuedAt: unknown, at: number): boolean {
  return typeof issuedAt === 'number' && issuedAt * 1_000 >= at;
}
