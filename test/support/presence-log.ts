import type { Subscription } from 'rxjs';
import type { PresenceChange, PresenceService } from '../../src/index.js';
import { until } from './until.js';

/** The presence reports of several instances, in order. */
export class PresenceLog {
  readonly changes: PresenceChange[] = [];
  private readonly subscriptions: Subscription[];

  constructor(...services: PresenceService[]) {
    this.subscriptions = services.map((service) =>
      service.changes$.subscribe((change) => this.changes.push(change)),
    );
  }

  /** The reports in short form, such as `online alice`. */
  get lines(): string[] {
    return this.changes.map(({ type, userId, status }) =>
      type === 'status' ? `${userId} is ${String(status)}` : `${type} ${userId}`,
    );
  }

  async reaches(count: number): Promise<void> {
    await until(
      () => this.changes.length >= count,
      () => `${count} changes, there are: ${this.lines.join(', ')}`,
    );
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }
}
