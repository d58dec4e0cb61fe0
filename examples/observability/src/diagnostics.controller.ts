import { Controller, Get } from '@nestjs/common';
import { DiagnosticsService, type Diagnostics } from 'nestjs-redis-propagator';

/** Not for the public: protect it with a guard, or use a port that only you can reach. */
@Controller('diagnostics')
export class DiagnosticsController {
  constructor(private readonly service: DiagnosticsService) {}

  @Get()
  diagnostics(): Diagnostics {
    return this.service.diagnostics();
  }
}
