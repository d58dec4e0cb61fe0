import {
  UseFilters,
  UseGuards,
  UseInterceptors,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import {
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  WsAuthGuard,
  type AuthenticatedSocket,
} from 'nestjs-redis-propagator';
import type { Subscription } from 'rxjs';
import { userOf } from '../auth/demo-users.js';
import { Config } from '../config.js';
import { ClusterViewService } from './cluster-view.service.js';
import { InstanceReports, type InstanceNews } from './instance-reports.js';

/** The namespace `/`: the instance of a tab, and the state of all instances. */
@UseGuards(WsAuthGuard)
@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class ClusterGateway
  implements
    OnGatewayConnection<AuthenticatedSocket>,
    OnGatewayDisconnect<AuthenticatedSocket>,
    OnModuleInit,
    OnModuleDestroy
{
  /** A set, not a room: each instance sends its own view to its own clients, so other instances need not know. */
  private readonly watchers = new Set<AuthenticatedSocket>();
  private news: Subscription | undefined;

  constructor(
    private readonly config: Config,
    private readonly reports: InstanceReports,
    private readonly views: ClusterViewService,
  ) {}

  onModuleInit(): void {
    this.news = this.reports.news$.subscribe((news) => void this.show(news));
  }

  onModuleDestroy(): void {
    this.news?.unsubscribe();
  }

  handleConnection(socket: AuthenticatedSocket): void {
    if (!socket.auth) return;
    socket.emit('welcome', {
      instance: this.config.instance,
      socketId: socket.id,
      user: userOf(socket.auth.userId),
    });
  }

  handleDisconnect(socket: AuthenticatedSocket): void {
    this.watchers.delete(socket);
  }

  @SubscribeMessage('cluster:watch')
  async watch(
    @MessageBody() watch: unknown,
    @ConnectedSocket() socket: AuthenticatedSocket,
  ): Promise<{ watching: boolean }> {
    const watching = watch === true;
    if (watching) {
      this.watchers.add(socket);
      socket.emit('cluster', await this.views.view());
    } else {
      this.watchers.delete(socket);
    }
    return { watching };
  }

  private async show(news: InstanceNews): Promise<void> {
    if (this.watchers.size === 0) return;
    const view = await this.views.view();
    for (const socket of this.watchers) {
      // A change of state is sent reliably. Everything else is volatile: a client that cannot keep up should not
      // get an outdated view.
      const to = news === 'changed' ? socket : socket.volatile;
      to.emit('cluster', view);
    }
  }
}
