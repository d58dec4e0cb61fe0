import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { PropagatorHealthIndicator, type PropagatorHealth } from 'nestjs-redis-propagator';

@Controller()
export class HealthController {
  constructor(private readonly indicator: PropagatorHealthIndicator) {}

  /**
   * For the service that restarts hanging processes: it responds, so it is alive. A restart does not bring Redis
   * back.
   */
  @Get('livez')
  live() {
    return { status: 'up' };
  }

  /** For load balancers: 503 while it starts or drains. Without Redis it still serves its clients. */
  @Get('readyz')
  ready() {
    return answer(this.indicator.checkReady().propagator);
  }

  /** For monitoring and people: 503 also while events do not pass between instances. */
  @Get('healthz')
  healthy() {
    return answer(this.indicator.checkHealth().propagator);
  }
}

function answer({ status, message, state, draining }: PropagatorHealth) {
  // Nothing more, because everybody who can load the page can load this.
  const body = { status, state, draining, ...(message !== undefined && { message }) };
  if (status === 'down') throw new ServiceUnavailableException(body);
  return body;
}
