import type { KeyObject } from 'node:crypto';
import * as standardParser from 'socket.io-parser';
import type { PubSub } from '../ports/pub-sub.js';
import {
  checkKnown,
  flag,
  hasMethods,
  invalid,
  isOptions,
  misused,
  wholeNumber,
} from './checks.js';
import type { PropagatorLogger } from '../ports/logger.js';
import type { PacketParser } from '../ports/packet-parser.js';
import type { RedisPropagatorOptions } from './propagator-options.js';
import type { RedisConnection } from './redis-options.js';
import type { EventChecks, Validated } from '../contract/event-checks.js';
import { resolveContract } from './resolve-contract.js';
import { resolveAuth, type ResolvedAuthOptions } from './resolve-auth.js';
import {
  resolveOutbox,
  resolveRepair,
  type ResolvedOutboxOptions,
  type ResolvedRepairOptions,
} from './resolve-outbox.js';
import { resolveRecovery, type ResolvedRecoveryOptions } from './resolve-recovery.js';
import { resolvePresence, type ResolvedPresenceOptions } from './resolve-presence.js';
import { resolveLimits, type ResolvedClientLimits } from './resolve-limits.js';
import {
  resolveOverload,
  resolveShutdown,
  resolveSlowClients,
  type ResolvedOverloadOptions,
  type ResolvedShutdownOptions,
  type ResolvedSlowClientOptions,
} from './resolve-load.js';
import { resolveSecret } from './resolve-secret.js';
import {
  resolveSharedHandshake,
  type ResolvedSharedHandshake,
} from './resolve-shared-handshake.js';
import { resolveRedis } from './resolve-redis.js';

/** Options after defaults and validation. Frozen, so nothing changes them while the app runs. @internal */
export interface ResolvedOptions {
  readonly redis: RedisConnection;
  readonly pubSub: PubSub | undefined;
  readonly prefix: string;
  readonly auth: ResolvedAuthOptions | undefined;
  readonly contract: EventChecks | undefined;
  /** What the contract validates. */
  readonly validate: Validated;
  readonly validateOneIn: number;
  /** Undefined: switched off. */
  readonly presence: ResolvedPresenceOptions | undefined;
  /** Undefined: events that Redis cannot take are refused. */
  readonly outbox: ResolvedOutboxOptions | undefined;
  /** Undefined: missed events are lost. */
  readonly repair: ResolvedRepairOptions | undefined;
  /** Undefined: switched off. */
  readonly recovery: ResolvedRecoveryOptions | undefined;
  /** The first secret signs. Undefined: nothing is signed. */
  readonly secret: readonly KeyObject[] | undefined;
  readonly limits: ResolvedClientLimits;
  readonly sharedHandshake: ResolvedSharedHandshake;
  /** Undefined: no limit. */
  readonly slowClients: ResolvedSlowClientOptions | undefined;
  readonly coalesceWrites: boolean;
  readonly gapNotices: boolean;
  /** Undefined: not measured. */
  readonly overload: ResolvedOverloadOptions | undefined;
  readonly shutdown: ResolvedShutdownOptions;
  readonly connectTimeoutMs: number;
  readonly subscribeTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly memberTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly parser: PacketParser;
  readonly logger: PropagatorLogger;
}

/** In the order of docs/options.md. */
export const OPTION_NAMES = [
  'redis',
  'pubSub',
  'prefix',
  'auth',
  'contract',
  'validate',
  'validateOneIn',
  'presence',
  'outbox',
  'repair',
  'recovery',
  'secret',
  'limits',
  'sharedHandshake',
  'slowClients',
  'coalesceWrites',
  'gapNotices',
  'overload',
  'shutdown',
  'connectTimeoutMs',
  'subscribeTimeoutMs',
  'publishTimeoutMs',
  'requestTimeoutMs',
  'ackTimeoutMs',
  'heartbeatIntervalMs',
  'memberTimeoutMs',
  'maxMessageBytes',
  'parser',
  'logger',
] as const satisfies readonly (keyof RedisPropagatorOptions)[];

export const DEFAULTS = Object.freeze({
  prefix: 'propagator',
  coalesceWrites: true,
  gapNotices: true,
  connectTimeoutMs: 2_000,
  subscribeTimeoutMs: 2_000,
  publishTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  ackTimeoutMs: 10_000,
  heartbeatIntervalMs: 2_000,
  memberTimeoutMs: 10_000,
  maxMessageBytes: 4 * 1024 * 1024,
});

type WaitOption = Extract<keyof typeof DEFAULTS, `${string}Ms`>;

const MAX_WAIT_MS = 600_000;
// Redis itself accepts no string above 512 MiB (proto-max-bulk-len).
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
const MAX_PREFIX = 256;
const PREFIX = /^[\w.-]+(:[\w.-]+)*$/;

/** @internal */
export function resolveOptions(
  given: RedisPropagatorOptions | null | undefined,
  defaultLogger: PropagatorLogger,
  /** Options that a test puts in place of those of the app. */
  testOptions?: RedisPropagatorOptions,
): ResolvedOptions {
  const ofApp = given ?? {};
  if (!isOptions(ofApp)) {
    throw invalid('options', ofApp, 'Write an object, or nothing for the defaults.');
  }
  checkKnown('', ofApp, OPTION_NAMES);
  if (testOptions !== undefined) checkKnown('', testOptions, OPTION_NAMES);
  const options: RedisPropagatorOptions =
    testOptions === undefined
      ? ofApp
      : // The options of an app may be an instance of a class with getters, or frozen, so nothing can be assigned
        // there.
        (Object.create(
          ofApp,
          Object.getOwnPropertyDescriptors(testOptions),
        ) as RedisPropagatorOptions);
  const wait = (name: WaitOption): number =>
    wholeNumber(name, options[name], DEFAULTS[name], [1, MAX_WAIT_MS]);
  const heartbeatIntervalMs = wait('heartbeatIntervalMs');
  const memberTimeoutMs = wait('memberTimeoutMs');
  if (memberTimeoutMs < 2 * heartbeatIntervalMs) {
    throw invalid(
      'memberTimeoutMs',
      memberTimeoutMs,
      `Write at least twice heartbeatIntervalMs (${heartbeatIntervalMs}), or one late heartbeat makes an instance lost.`,
    );
  }
  if (options.pubSub !== undefined && options.redis !== undefined) {
    throw misused(
      'pubSub',
      'both "pubSub" and "redis"',
      'They are two transports: leave one of them out.',
    );
  }
  const presence = resolvePresence(options.presence, { heartbeatIntervalMs, memberTimeoutMs });
  const auth = resolveAuth(options.auth);
  const contract = resolveContract(options);
  if (presence === undefined && auth?.maxSocketsPerUser !== undefined) {
    throw misused(
      'auth.maxSocketsPerUser',
      `${auth.maxSocketsPerUser}, with "presence: false"`,
      'Sockets are counted where presence is kept: leave "presence" on.',
    );
  }
  return Object.freeze({
    redis: resolveRedis(options.redis),
    pubSub: checkedPubSub(options.pubSub),
    prefix: checkedPrefix(options.prefix),
    auth,
    contract,
    validate: contract?.validated ?? { emit: false, receive: false },
    validateOneIn: contract?.oneIn ?? 1,
    presence,
    outbox: resolveOutbox(options.outbox),
    repair: resolveRepair(options.repair),
    recovery: resolveRecovery(options.recovery, {
      isRepaired: options.repair !== false,
      // Tests of an app run in one process: there no instance ends before the others.
      isOnRedis: options.pubSub === undefined || testOptions?.pubSub !== undefined,
    }),
    secret: resolveSecret(options.secret),
    limits: resolveLimits(options.limits),
    sharedHandshake: resolveSharedHandshake(options.sharedHandshake),
    slowClients: resolveSlowClients(options.slowClients),
    coalesceWrites: flag('coalesceWrites', options.coalesceWrites, DEFAULTS.coalesceWrites),
    gapNotices: flag('gapNotices', options.gapNotices, DEFAULTS.gapNotices),
    overload: resolveOverload(options.overload),
    shutdown: resolveShutdown(options.shutdown),
    connectTimeoutMs: wait('connectTimeoutMs'),
    subscribeTimeoutMs: wait('subscribeTimeoutMs'),
    publishTimeoutMs: wait('publishTimeoutMs'),
    requestTimeoutMs: wait('requestTimeoutMs'),
    ackTimeoutMs: wait('ackTimeoutMs'),
    heartbeatIntervalMs,
    memberTimeoutMs,
    maxMessageBytes: wholeNumber(
      'maxMessageBytes',
      options.maxMessageBytes,
      DEFAULTS.maxMessageBytes,
      [1_024, MAX_MESSAGE_BYTES],
    ),
    parser: checkedParser(options.parser),
    logger: checkedLogger(options.logger, defaultLogger),
  });
}

function checkedPrefix(given: unknown): string {
  if (given === undefined) return DEFAULTS.prefix;
  // Without "/": a namespace starts with one, so channels of two apps can never have the same name.
  if (typeof given === 'string' && given.length <= MAX_PREFIX && PREFIX.test(given)) return given;
  throw invalid(
    'prefix',
    given,
    `Use letters, digits, '.', '_' and '-', parts joined by ':', such as 'my-app:staging': at most ${MAX_PREFIX} characters.`,
  );
}

function checkedPubSub(given: unknown): PubSub | undefined {
  const methods = ['connect', 'publish', 'subscribe', 'unsubscribe', 'isSubscribed', 'onMessage'];
  if (given === undefined || hasMethods(given, methods)) return given as PubSub | undefined;
  throw invalid(
    'pubSub',
    given,
    'Pass an object that implements PubSub, such as new InMemoryPubSub().',
  );
}

function checkedParser(given: unknown): PacketParser {
  if (given === undefined) return standardParser;
  const parser: Partial<PacketParser> | null = given;
  if (typeof parser?.Encoder === 'function' && typeof parser.Decoder === 'function') {
    return parser as PacketParser;
  }
  throw invalid(
    'parser',
    given,
    'Pass the same parser as to your Socket.IO server: an object with the classes Encoder and Decoder.',
  );
}

function checkedLogger(given: unknown, fallback: PropagatorLogger): PropagatorLogger {
  if (given === undefined) return fallback;
  if (hasMethods(given, ['log', 'warn', 'error'])) return given as PropagatorLogger;
  throw invalid('logger', given, 'Pass an object with log, warn and error, such as a Nest Logger.');
}
