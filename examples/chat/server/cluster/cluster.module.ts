import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { ClusterController } from './cluster.controller.js';
import { ClusterGateway } from './cluster.gateway.js';
import { ClusterViewService } from './cluster-view.service.js';
import { InstanceReports } from './instance-reports.js';
import { SelfReport } from './self-report.js';
import { StopRequests } from './stop-requests.js';

@Module({
  imports: [AuthModule],
  controllers: [ClusterController],
  providers: [ClusterGateway, ClusterViewService, InstanceReports, SelfReport, StopRequests],
  exports: [InstanceReports],
})
export class ClusterModule {}
