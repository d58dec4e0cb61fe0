import { Controller, Get } from '@nestjs/common';
import { DiagnosticsService, type Diagnostics } from 'nestjs-redis-propagator';

/** Not for the public: put a guard in front, or a port that only you reach. */
@Controller('diagnostics')
export class DiagnosticsController {
  constructor(private readonly service: DiagnosticsService) {}

  @Get()
  diagnostics(): Diagnostics {
    return this.service.diagnostics();
  }
}
