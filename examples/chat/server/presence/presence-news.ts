import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { PresenceService, RedisPropagatorService } from 'nestjs-redis-propagator';
import type { Subscription } from 'rxjs';
import { WhoIsOnline } from './who-is-online.js';

/** A loaded page opens and closes several sockets at once. They become one message. */
const GATHER_MS = 50;

/** Tells everybody in `/presence` when a user connects, leaves, opens another tab, or changes the status. */
@Injectable()
export class PresenceNews implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(PresenceNews.name);
  private readonly due = new Map<string, NodeJS.Timeout>();
  private changes: Subscription | undefined;

  constructor(
    private readonly presence: PresenceService,
    private readonly who: WhoIsOnline,
    private readonly propagator: RedisPropagatorService,
  ) {}

  onModuleInit(): void {
    // All instances run this, and each change is emitted on one of them. So all clients are told once.
    this.changes = this.presence.changes$.subscribe(({ userId }) => this.changed(userId));
  }

  onModuleDestroy(): void {
    this.changes?.unsubscribe();
  }

  /** Something about that user has changed; the current state is looked up. */
  changed(userId: string): void {
    if (this.due.has(userId)) return;
    const timer = setTimeout(() => {
      this.due.delete(userId);
      void this.tell(userId);
    }, GATHER_MS);
    this.due.set(userId, timer);
  }

  private async tell(userId: string): Promise<void> {
    try {
      const data = await this.who.entry(userId);
      await this.propagator.of('/presence').emitToAuthenticated({ event: 'presence:change', data });
    } catch (error) {
      // Without Redis it is unknown who is online. The next change of that user corrects it.
      this.logger.warn(`Nobody was told of ${userId}: ${String(error)}`);
    }
  }
}
