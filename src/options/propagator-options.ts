import type { PubSub } from '../ports/pub-sub.js';
import type { AuthOptions } from './auth-options.js';
import type { OutboxOptions, RepairOptions } from './delivery-options.js';
import type { OverloadOptions, ShutdownOptions, SlowClientOptions } from './load-options.js';
import type { ClientLimits, Secret, SharedHandshake } from './security-options.js';
import type { PresenceOptions } from './presence-options.js';
import type { PropagatorLogger } from '../ports/logger.js';
import type { PacketParser } from '../ports/packet-parser.js';
import type { RedisConnection } from './redis-options.js';

/** The options of `RedisPropagatorModule.forRoot`. All of them may be left out. */
export interface RedisPropagatorOptions {
  /**
   * Where Redis is: a URL, ioredis options, Sentinel options, `{ nodes }` of a Cluster, or borrowed clients
   * `{ publisher, subscriber }`.
   * @default 'redis://localhost:6379'
   */
  redis?: RedisConnection | undefined;
  /**
   * A transport to use instead of Redis, such as `new InMemoryPubSub()`. It is used, not closed.
   * @default Redis
   */
  pubSub?: PubSub | undefined;
  /**
   * First part of every channel name. Give each app and each environment that share a Redis its own: selecting
   * a database (`SELECT`) does not separate Pub/Sub. Letters, digits, `.`, `_` and `-`, parts joined by `:`.
   * @default 'propagator'
   */
  prefix?: string | undefined;
  /**
   * How clients are authenticated. Without it every socket is anonymous.
   * @default undefined
   */
  auth?: AuthOptions | undefined;
  /**
   * How it is known who is online, in Redis; `false`: not at all.
   * @default {}
   */
  presence?: PresenceOptions | false | undefined;
  /**
   * What is kept of events that Redis cannot take, until it can; `false`: nothing, they are refused at once.
   * @default {}
   */
  outbox?: OutboxOptions | false | undefined;
  /**
   * What an instance keeps of the events that it published, for others whose connection was gone; `false`: nothing,
   * and it asks the others for nothing.
   * @default {}
   */
  repair?: RepairOptions | false | undefined;
  /**
   * Signs everything that instances send one another; what is not signed is dropped. At least 32 characters, or bytes.
   * Of a list the first one signs and all are accepted, so that secrets can be changed without a break. All instances need
   * the same. JSON from outside is not accepted then.
   * @default undefined
   */
  secret?: Secret | readonly Secret[] | undefined;
  /**
   * What a client may cost.
   * @default {}
   */
  limits?: ClientLimits | undefined;
  /**
   * What other instances see of a socket's handshake.
   * @default {}
   */
  sharedHandshake?: SharedHandshake | undefined;
  /**
   * What may wait for a client that reads slowly, or not at all; `false`: as much as there is.
   * @default {}
   */
  slowClients?: SlowClientOptions | false | undefined;
  /**
   * Whether what is sent to a client in one turn of the event loop goes out in one write, at the end of that turn. Order,
   * content and what may wait for a client are the same either way.
   * @default true
   */
  coalesceWrites?: boolean | undefined;
  /**
   * When an instance counts as overloaded, and sheds volatile events; `false`: never.
   * @default {}
   */
  overload?: OverloadOptions | false | undefined;
  /**
   * How clients are sent to other instances when the app ends.
   * @default {}
   */
  shutdown?: ShutdownOptions | undefined;
  /**
   * How long start-up waits for Redis, in ms. After that the app starts degraded and connects in the background.
   * @default 2000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How long a connecting client (or `await socket.join()`) waits for its channel to be subscribed, in ms. After
   * that it is let in, served by this instance, and subscribed as soon as Redis is back.
   * @default 2000
   */
  subscribeTimeoutMs?: number | undefined;
  /**
   * How long a publish may take, in ms, before its promise rejects with `redis.timeout`.
   * @default 5000
   */
  publishTimeoutMs?: number | undefined;
  /**
   * How long requests to other instances (`fetchSockets`, `serverSideEmit` with an acknowledgement and the like) wait
   * for their answers, in ms. What has come by then is the result, with the names of those that did not answer.
   * @default 5000
   */
  requestTimeoutMs?: number | undefined;
  /**
   * How long an event with an acknowledgement waits for the clients, in ms, where neither `timeout()` nor `timeoutMs`
   * says otherwise.
   * @default 10000
   */
  ackTimeoutMs?: number | undefined;
  /**
   * How often an instance says that it lives, in ms.
   * @default 2000
   */
  heartbeatIntervalMs?: number | undefined;
  /**
   * How long an instance may be silent, in ms, before the others take it for lost.
   * @default 10000
   */
  memberTimeoutMs?: number | undefined;
  /**
   * The largest message between instances, in bytes; larger ones are refused by the verb that sends them and
   * dropped where they arrive.
   * @default 4194304
   */
  maxMessageBytes?: number | undefined;
  /**
   * The Socket.IO parser of your servers, if it is not the standard one. Needed in workers without gateways,
   * which have no server to take it from.
   * @default the parser of socket.io
   */
  parser?: PacketParser | undefined;
  /**
   * Where log lines go.
   * @default Nest's Logger
   */
  logger?: PropagatorLogger | undefined;
}
