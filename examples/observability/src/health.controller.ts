import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { PropagatorHealthIndicator } from 'nestjs-redis-propagator';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly propagator: PropagatorHealthIndicator,
  ) {}

  /** For the load balancer. Up without Redis; otherwise an outage of Redis would remove all instances at once. */
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.propagator.checkReady()]);
  }

  /** For monitoring: also down while events do not pass between instances. */
  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.propagator.checkHealth()]);
  }
}
