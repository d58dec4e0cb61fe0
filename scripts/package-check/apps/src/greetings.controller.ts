import { Controller, Param, Post } from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';

@Controller('greetings')
export class GreetingsController {
  constructor(private readonly propagator: RedisPropagatorService) {}

  @Post(':userId')
  async greet(@Param('userId') userId: string): Promise<{ reached: boolean | null }> {
    const { reached } = await this.propagator.emitToUser({
      userId,
      event: 'greeting',
      data: `hello ${userId}`,
    });
    return { reached };
  }
}
