import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { ClusterModule } from '../cluster/cluster.module.js';
import { SessionsController } from './sessions.controller.js';

@Module({ imports: [AuthModule, ClusterModule], controllers: [SessionsController] })
export class SessionsModule {}
