import {
  Logger,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import {
  ClusterService,
  CurrentUser,
  PresenceService,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  WsAuthGuard,
  type AuthenticatedSocket,
} from 'nestjs-redis-propagator';
import { filter, type Subscription } from 'rxjs';
import type { Namespace } from 'socket.io';
import type { Status } from '../../shared/model.js';
import { PresenceNews } from './presence-news.js';
import { StatusDto } from './status.dto.js';
import { WhoIsOnline } from './who-is-online.js';

@UseGuards(WsAuthGuard)
@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'presence' })
export class PresenceGateway
  implements
    OnGatewayConnection<AuthenticatedSocket>,
    OnGatewayDisconnect<AuthenticatedSocket>,
    OnModuleInit,
    OnModuleDestroy
{
  @WebSocketServer()
  private readonly namespace!: Namespace;
  private readonly logger = new Logger(PresenceGateway.name);
  private departures: Subscription | undefined;

  constructor(
    private readonly presence: PresenceService,
    private readonly who: WhoIsOnline,
    private readonly news: PresenceNews,
    private readonly cluster: ClusterService,
  ) {}

  onModuleInit(): void {
    // An ended instance may not have reported all of its sockets. Each of the others sends its own clients the
    // current state.
    this.departures = this.cluster.changes$
      .pipe(filter(({ type }) => type !== 'joined'))
      .subscribe(() => void this.sendList(this.namespace.local));
  }

  onModuleDestroy(): void {
    this.departures?.unsubscribe();
  }

  async handleConnection(socket: AuthenticatedSocket): Promise<void> {
    if (!socket.auth) return;
    this.news.changed(socket.auth.userId);
    await this.sendList(socket);
  }

  handleDisconnect({ auth }: AuthenticatedSocket): void {
    if (auth) this.news.changed(auth.userId);
  }

  /** `PresenceNews` tells everybody, whichever instance this is. */
  @SubscribeMessage('status')
  async setStatus(
    @MessageBody() { status }: StatusDto,
    @CurrentUser('userId') userId: string,
  ): Promise<{ status: Status }> {
    await this.presence.setStatus(userId, status);
    return { status };
  }

  private async sendList(to: { emit(event: string, ...args: unknown[]): unknown }): Promise<void> {
    try {
      to.emit('presence:list', await this.who.list());
    } catch (error) {
      this.logger.warn(`No list of who is online: ${String(error)}`);
    }
  }
}
