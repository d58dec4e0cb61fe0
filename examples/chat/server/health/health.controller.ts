import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { PropagatorHealthIndicator, type PropagatorHealth } from 'nestjs-redis-propagator';

@Controller()
export class HealthController {
  constructor(private readonly indicator: PropagatorHealthIndicator) {}

  /** For who restarts processes that hang: it answers, so it lives. A restart does not bring Redis back. */
  @Get('livez')
  live() {
    return { status: 'up' };
  }

  /** For load balancers: 503 while it starts or drains. Without Redis it still serves the clients that it has. */
  @Get('readyz')
  ready() {
    return answer(this.indicator.isReady().propagator);
  }

  /** For monitors and people: 503 also while events do not pass between instances. */
  @Get('healthz')
  healthy() {
    return answer(this.indicator.isHealthy().propagator);
  }
}

function answer({ status, message, state, draining }: PropagatorHealth) {
  // No more than that: whoever reaches the page reaches this.
  const body = { status, state, draining, ...(message !== undefined && { message }) };
  if (status === 'down') throw new ServiceUnavailableException(body);
  return body;
}
