import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PresenceService, RedisPropagatorService } from 'nestjs-redis-propagator';

/** Tells everybody which users come and leave: `user-online`, `user-offline`, `user-status`. */
@Injectable()
export class PresenceNews implements OnModuleInit {
  constructor(
    private readonly presence: PresenceService,
    private readonly propagator: RedisPropagatorService,
  ) {}

  onModuleInit(): void {
    // All instances run this, and each change is emitted on one of them. So all clients are told once.
    this.presence.changes$.subscribe(({ type, userId, status }) => {
      void this.propagator.emitToAuthenticated({ event: `user-${type}`, data: { userId, status } });
    });
  }
}
