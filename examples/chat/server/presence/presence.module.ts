import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/cluster.module.js';
import { Devices } from './devices.js';
import { PresenceGateway } from './presence.gateway.js';
import { PresenceNews } from './presence-news.js';
import { WhoIsOnline } from './who-is-online.js';

@Module({
  imports: [ClusterModule],
  providers: [PresenceGateway, PresenceNews, WhoIsOnline, Devices],
})
export class PresenceModule {}
