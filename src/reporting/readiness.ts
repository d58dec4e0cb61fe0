/** Why an instance should get no new clients. */
export type UnreadyReason = 'starting' | 'draining' | 'closed';

/**
 * Whether this instance should get new clients: what a load balancer asks, by way of the health check.
 *
 * @internal
 */
export class Readiness {
  private current: UnreadyReason | undefined = 'starting';
  private begun = false;

  /** Whether the app has begun to start: it connects, or has done so. */
  get hasBegun(): boolean {
    return this.begun;
  }

  /** The app has begun to start. */
  begin(): void {
    this.begun = true;
  }

  /** Undefined while it is ready. */
  get reason(): UnreadyReason | undefined {
    return this.current;
  }

  get ready(): boolean {
    return this.current === undefined;
  }

  /** The instance takes part. One that drains already stays as it is. */
  started(): void {
    if (this.current === 'starting') this.current = undefined;
  }

  /** It is about to end, and still serves those whom it has. */
  draining(): void {
    if (this.current !== 'closed') this.current = 'draining';
  }

  closed(): void {
    this.current = 'closed';
  }
}
