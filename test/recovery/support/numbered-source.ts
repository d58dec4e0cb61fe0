import type { RedisPropagatorService } from '../../../src/index.js';
import { NUMBERED, type Numbered } from '../../support/returning-client.js';

/** A target of events, and the users who get them. */
export interface Target {
  readonly name: string;
  isFor(user: string): boolean;
  emit(propagator: RedisPropagatorService, data: Numbered): Promise<unknown>;
}

export const toUser = (userId: string): Target => ({
  name: `user ${userId}`,
  isFor: (user) => user === userId,
  emit: (propagator, data) => propagator.emitToUser({ userId, event: NUMBERED, data }),
});

export const toUsers = (userIds: readonly string[]): Target => ({
  name: `users ${userIds.join()}`,
  isFor: (user) => userIds.includes(user),
  emit: (propagator, data) =>
    propagator.emitToUsers({ userIds: [...userIds], event: NUMBERED, data }),
});

export const TO_ALL: Target = {
  name: 'all',
  isFor: () => true,
  emit: (propagator, data) => propagator.emitToAll({ event: NUMBERED, data }),
};

export const TO_AUTHENTICATED: Target = {
  name: 'authenticated',
  isFor: () => true,
  emit: (propagator, data) => propagator.emitToAuthenticated({ event: NUMBERED, data }),
};

export const toRoom = (room: string, users: readonly string[]): Target => ({
  name: `room ${room}`,
  isFor: (user) => users.includes(user),
  emit: (propagator, data) => propagator.emitToRoom({ room, event: NUMBERED, data }),
});

/** Sends numbered events from one instance to its targets in turns, until it is stopped. */
export class NumberedSource {
  private readonly targets: Target[] = [];
  private readonly counts = new Map<Target, number>();
  private running: Promise<void> | undefined;
  private over = false;

  constructor(
    private readonly name: string,
    private readonly propagator: RedisPropagatorService,
    /** The payload of each event beside its number. */
    private readonly payload: unknown = 'text',
  ) {}

  add(...targets: readonly Target[]): void {
    this.targets.push(...targets);
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  /** The numbers of the events for a user, by stream. */
  sentTo(user: string): Map<string, number[]> {
    return new Map(
      this.targets
        .filter((target) => target.isFor(user))
        .map((target) => [
          this.streamOf(target),
          Array.from({ length: this.counts.get(target) ?? 0 }, (_, i) => i + 1),
        ]),
    );
  }

  private streamOf(target: Target): string {
    return `${this.name}: ${target.name}`;
  }

  private async run(): Promise<void> {
    while (!this.over) {
      // One turn is in order, and not awaited one by one.
      await Promise.all(this.targets.map((target) => this.sendTo(target)));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private sendTo(target: Target): Promise<unknown> {
    const number = (this.counts.get(target) ?? 0) + 1;
    this.counts.set(target, number);
    return target.emit(this.propagator, [this.streamOf(target), number, this.payload]);
  }
}
