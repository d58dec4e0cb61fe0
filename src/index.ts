export { AUTHENTICATED_ROOM, userRoom } from './cluster/reserved-rooms.js';
export type { Receipt } from './cluster/receipt.js';
export { PROPAGATOR_ERROR_CODES, PropagatorError, type PropagatorErrorCode } from './errors.js';
export type { RedisPropagatorModuleExtras } from './nest/module-definition.js';
export { Propagate, type PropagateAudience } from './nest/propagate.decorator.js';
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
export type { AuthenticatedIdentity, AuthOptions, Identity } from './options/auth-options.js';
export type { PropagatorLogger } from './options/logger.js';
export type { PacketDecoder, PacketEncoder, PacketParser } from './options/packet-parser.js';
export type { RedisPropagatorOptions } from './options/propagator-options.js';
export type {
  BorrowedRedisClients,
  RedisClient,
  RedisClusterConnection,
  RedisConnection,
} from './options/redis-options.js';
export type {
  CausedEvent,
  EventToEmit,
  UserEvent,
  UserId,
  UsersEvent,
} from './propagation/events.js';
export {
  RedisPropagatorService,
  type UsersReceipt,
} from './propagation/redis-propagator.service.js';
export { InMemoryBus, InMemoryPubSub } from './redis/in-memory-pub-sub.js';
export type { PubSub, PubSubListener, PubSubState } from './redis/pub-sub.js';
export { RedisService } from './redis/redis.service.js';
export type { AuthenticatedSocket } from './sockets/authenticated-socket.js';
export type { AuthRefusalCode } from './sockets/authentication.js';
export { SocketStateService, type SocketStateChange } from './sockets/socket-state.service.js';
