export type { ClusterCount, ClusterResult } from './cluster/cluster-result.js';
export { ClusterService } from './cluster/cluster.service.js';
export type { ClusterChange, ClusterMember } from './cluster/members.js';
export {
  asyncApiDocument,
  type AsyncApiDocument,
  type AsyncApiInfo,
} from './contract/async-api.js';
export {
  defineEvents,
  type ClientEvents,
  type DefinedEvents,
  type EventContract,
  type EventDefinition,
  type EventDefinitions,
} from './contract/define-events.js';
export type {
  ClientEventAnswer,
  ClientEventData,
  ClientEventName,
  ClientToServer,
  NamespaceOf,
  ServerResponse,
  ServerToClient,
} from './contract/event-types.js';
export type { PropagatorTypes } from './contract/propagator-types.js';
export { typed, type EventSchema, type SchemaIssue, type SchemaResult } from './contract/schema.js';
export type { EventGap, GapTarget } from './cluster/event-gap.js';
export type { EventLoss } from './routing/event-loss.js';
export type { PublishMode } from './routing/outgoing-event.js';
export type { PublishedReceipt, QueuedReceipt, Receipt, UsersReceipt } from './routing/receipt.js';
export { AUTHENTICATED_ROOM, userRoom } from './routing/reserved-rooms.js';
export type { SocketDetails } from './socket-io/commands/socket-details.js';
export { PROPAGATOR_ERROR_CODES, PropagatorError, type PropagatorErrorCode } from './errors.js';
export {
  GAP_EVENT,
  type GapNotice,
  type GapNoticeTarget,
} from './socket-io/commands/gap-notices.js';
export { Once, type OnceOptions } from './nest/once.decorator.js';
export { CurrentUser } from './nest/current-user.decorator.js';
export type {
  RedisPropagatorAsyncOptions,
  RedisPropagatorModuleExtras,
  RedisPropagatorOptionsFactory,
} from './nest/module-definition.js';
export { asyncApiOf } from './nest/async-api.js';
export { On } from './nest/on.decorator.js';
export {
  Propagate,
  type PropagateAudience,
  type PropagateExcept,
} from './nest/propagate.decorator.js';
export { PropagatorExceptionFilter } from './nest/propagator-exception.filter.js';
export { RedisPropagatorInterceptor } from './nest/redis-propagator.interceptor.js';
export { RedisPropagatorModule } from './nest/redis-propagator.module.js';
export { SocketStateAdapter } from './nest/socket-state.adapter.js';
export {
  PUB_SUB,
  REDIS_PROPAGATOR_OPTIONS,
  REDIS_PUBLISHER_CLIENT,
  REDIS_SUBSCRIBER_CLIENT,
} from './nest/tokens.js';
export { WsAuthGuard } from './nest/ws-auth.guard.js';
export { DiagnosticsService, type Diagnostics } from './observability/diagnostics.service.js';
export {
  PropagatorHealthIndicator,
  type PropagatorHealth,
  type PropagatorHealthResult,
} from './observability/health-indicator.js';
export type { AuthenticatedIdentity, AuthOptions, Identity } from './options/auth-options.js';
export type {
  OverloadOptions,
  ShutdownOptions,
  SlowClientOptions,
} from './options/load-options.js';
export type { OutboxOptions, RecoveryOptions, RepairOptions } from './options/delivery-options.js';
export type { CanWatch, PresenceOptions, WatchPermission } from './options/presence-options.js';
export { PRESENCE_EVENT } from './wire/reserved-events.js';
export {
  WATCH_EVENT,
  type PresenceNotice,
  type PresenceWatchCode,
  type PresenceWatchResult,
  type WatchedPresence,
} from './presence/watch-protocol.js';
export type { OnlineUsers, PresenceChange } from './presence/store/presence-change.js';
export { PresenceService } from './presence/presence.service.js';
export type { PropagatorLogger } from './ports/logger.js';
export type { PacketParser } from './ports/packet-parser.js';
export type { RedisPropagatorOptions } from './options/propagator-options.js';
export type { ClientLimits, Secret, SharedHandshake } from './options/security-options.js';
export type {
  BorrowedRedisClients,
  RedisClient,
  RedisClusterConnection,
  RedisUrlConnection,
  RedisConnection,
} from './options/redis-options.js';
export type {
  CausedEvent,
  EventToEmit,
  RoomEvent,
  UserEvent,
  UserRequest,
  UsersEvent,
} from './propagation/events.js';
export { NamespacePropagator } from './propagation/namespace-propagator.js';
export { RedisPropagatorService } from './propagation/redis-propagator.service.js';
export type { DeviceAnswer, UserAnswers } from './propagation/events.js';
export type { Propagator } from './propagation/propagator.js';
export type { DisconnectUserOptions, InNamespace } from './propagation/user-commands.js';
export type { PubSub, PubSubListener, PubSubState } from './ports/pub-sub.js';
export { RedisService } from './channels/redis.service.js';
export type { SessionDetails } from './sessions/session-details.js';
export {
  SessionService,
  type RevokeOptions,
  type RevokeUserOptions,
  type SessionsOptions,
} from './sessions/session.service.js';
export { LoadService, type LoadState } from './reporting/load.js';
export type { AuthenticatedSocket } from './auth/authenticated-socket.js';
export type { AuthRefusalCode } from './auth/auth-refusal.js';
export {
  DISCONNECT_EVENT,
  type DisconnectNotice,
  type DisconnectReason,
} from './auth/disconnect-notice.js';
export { EXPIRING_EVENT, type TokenExpiring } from './auth/token-expiry.js';
export {
  REFRESH_EVENT,
  type AuthRefreshCode,
  type AuthRefreshResult,
} from './auth/token-refresh.js';
export type { SessionMetadata } from './auth/session-metadata.js';
export type { UserId } from './auth/user-id.js';
export { SocketStateService, type SocketStateChange } from './auth/socket-state.service.js';
export type { InstanceId } from './wire/envelope.js';
