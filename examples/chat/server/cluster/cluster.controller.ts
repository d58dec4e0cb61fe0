import {
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import type { ClusterView } from '../../shared/model.js';
import { BearerGuard } from '../auth/bearer.guard.js';
import { ClusterViewService } from './cluster-view.service.js';
import { StopRequests } from './stop-requests.js';

@Controller('cluster')
export class ClusterController {
  constructor(
    private readonly views: ClusterViewService,
    private readonly stops: StopRequests,
  ) {}

  @Get()
  view(): Promise<ClusterView> {
    return this.views.view();
  }

  /** FOR THE DEMO ONLY: any user may stop an instance, to see that nothing is lost. */
  @Post('instances/:name/stop')
  @HttpCode(202)
  @UseGuards(BearerGuard)
  async stop(@Param('name') name: string): Promise<{ stopping: string }> {
    await this.stops.send({ id: await this.runningInstance(name) });
    return { stopping: name };
  }

  /** FOR THE DEMO ONLY: like a crash. The clients of the instance are not told. */
  @Post('instances/:name/kill')
  @HttpCode(202)
  @UseGuards(BearerGuard)
  async kill(@Param('name') name: string): Promise<{ killing: string }> {
    await this.stops.send({ id: await this.runningInstance(name), kill: true });
    return { killing: name };
  }

  private async runningInstance(name: string): Promise<string> {
    const { instances } = await this.views.view();
    const found = instances.find((instance) => instance.name === name);
    if (found === undefined || found.state === 'stopped' || found.state === 'lost') {
      throw new NotFoundException('No such instance');
    }
    return found.id;
  }
}
