import { Body, Controller, Param, Post } from '@nestjs/common';
import { RedisPropagatorService, type Receipt } from 'nestjs-redis-propagator';

/** Sends events from outside of the gateways. A real app would guard these routes. */
@Controller('notifications')
export class NotificationsController {
  constructor(private readonly propagator: RedisPropagatorService) {}

  @Post('all')
  toAll(@Body('text') text: string): Promise<Receipt> {
    return this.propagator.emitToAll({ event: 'notification', data: { text } });
  }

  @Post('authenticated')
  toAuthenticated(@Body('text') text: string): Promise<Receipt> {
    return this.propagator.emitToAuthenticated({ event: 'notification', data: { text } });
  }

  /**
   * `reached: false` in the response means that the user has no socket in this namespace; `PresenceService` knows
   * whether the user is offline. `queued: true` means that Redis is down and the event waits for it.
   */
  @Post('users/:userId')
  toUser(@Param('userId') userId: string, @Body('text') text: string): Promise<Receipt> {
    return this.propagator.emitToUser({ userId, event: 'notification', data: { text } });
  }
}
