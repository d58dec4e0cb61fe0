/** Why an instance should not get new clients. */
export type UnreadyReason = 'starting' | 'draining' | 'closed';

/**
 * Whether this instance should get new clients, for the health check of a load balancer.
 *
 * @internal
 */
export class Readiness {
  private current: UnreadyReason | undefined = 'starting';
  private begun = false;

  /** Whether the start of the app has begun: it connects, or has connected. */
  get hasBegun(): boolean {
    return this.begun;
  }

  /** Marks that the start of the app has begun. */
  begin(): void {
    this.begun = true;
  }

  /** Undefined while the instance is ready. */
  get reason(): UnreadyReason | undefined {
    return this.current;
  }

  get ready(): boolean {
    return this.current === undefined;
  }

  /** Marks the instance as ready, unless it already drains. */
  started(): void {
    if (this.current === 'starting') this.current = undefined;
  }

  /** Marks that the instance is about to end. It still serves its clients. */
  draining(): void {
    if (this.current !== 'closed') this.current = 'draining';
  }

  closed(): void {
    this.current = 'closed';
  }
}
