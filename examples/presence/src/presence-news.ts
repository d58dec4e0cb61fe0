import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PresenceService, RedisPropagatorService } from 'nestjs-redis-propagator';

/** Tells everybody who comes and who goes: `user-online`, `user-offline`, `user-status`. */
@Injectable()
export class PresenceNews implements OnModuleInit {
  constructor(
    private readonly presence: PresenceService,
    private readonly propagator: RedisPropagatorService,
  ) {}

  onModuleInit(): void {
    // All instances run this, and one of them hears of each change. So everybody is told once.
    this.presence.changes$.subscribe(({ type, userId, status }) => {
      void this.propagator.emitToAuthenticated({ event: `user-${type}`, data: { userId, status } });
    });
  }
}
