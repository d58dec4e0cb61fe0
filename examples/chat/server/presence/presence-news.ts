import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { PresenceService, RedisPropagatorService } from 'nestjs-redis-propagator';
import type { Subscription } from 'rxjs';
import { WhoIsOnline } from './who-is-online.js';

/** A page that is loaded opens and closes several sockets at once. They make one piece of news. */
const GATHER_MS = 50;

/** Tells everybody in `/presence` when somebody comes, goes, opens another tab, or changes the status. */
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
    // All instances run this, and one of them hears of each change. So everybody is told once.
    this.changes = this.presence.changes$.subscribe(({ userId }) => this.changed(userId));
  }

  onModuleDestroy(): void {
    this.changes?.unsubscribe();
  }

  /** Something of that user is different; what it is, is looked up. */
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
      // Without Redis nobody knows who is online. The next change of that user puts it right.
      this.logger.warn(`Nobody was told of ${userId}: ${String(error)}`);
    }
  }
}
