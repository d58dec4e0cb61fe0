import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { isClusterClient, startupNodesOf } from './ioredis-internals.js';
import { refusedLogin, wrongServer } from './redis-error.js';
import { after } from '../reporting/timers.js';
import { infoOf } from './server-version.js';

/** The time limit of each attempt to find out whether a port uses TLS. */
const PROBE_MS = 1_000;
/** Errors of OpenSSL and Node for a certificate that does not match, on either side. */
const CERTIFICATE = /certificate|altname|unable to verify/i;
const CERTIFICATE_REMEDIES: readonly (readonly [reason: RegExp, remedy: string])[] = [
  [
    /altname|does not match/i,
    'Write a host that is in the certificate of Redis in the option "redis", or that name as "tls": { servername }.',
  ],
  [/expired|not yet valid/i, 'Renew the certificate, or set the clock of this machine.'],
];
const AUTHORITY =
  'Pass the certificate of its authority, and your own where Redis asks for one, as "tls": { ca, cert, key }, beside the URL or the other options.';
/** The errors of ioredis 5 and 6 for a reply that does not begin like one of Redis. */
const NO_REDIS = /^Protocol error, got|^Unknown RESP type/;
/** Failures that need no explanation: the host or the port does not exist. */
const CLEAR = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT|EACCES/;

interface Address {
  readonly host?: string;
  readonly port?: number | string;
  readonly tls?: unknown;
}

interface ClientParts {
  readonly options?: Address & {
    readonly path?: string | null;
    readonly sentinels?: readonly Address[] | null;
    readonly sentinelTLS?: unknown;
    readonly enableTLSForSentinelMode?: boolean;
    readonly redisOptions?: Address;
  };
}

/** The mistake in the option `redis` behind a failure; undefined for a temporary one. @internal */
export function mistakeIn(failure: unknown): PropagatorError | undefined {
  const refusal = refusedLogin(failure) ?? wrongServer(failure);
  if (refusal !== undefined) return refusal;
  const reason = reasonOf(failure).trim();
  if (!CERTIFICATE.test(reason)) return undefined;
  const [, remedy = AUTHORITY] = CERTIFICATE_REMEDIES.find(([words]) => words.test(reason)) ?? [];
  return PropagatorError.of('redis.tls', [`did not agree on TLS (${reason})`, remedy], failure);
}

/**
 * The mistake if the reply does not come from Redis. A port for TLS also sends such a reply: see
 * {@link tlsMistake}. @internal
 */
export function noRedis(failure: unknown): PropagatorError | undefined {
  const reason = reasonOf(failure).trim();
  if (!NO_REDIS.test(reason)) return undefined;
  const remedy = 'Check the host and the port in the option "redis".';
  return PropagatorError.of('redis.wrong-server', ['no Redis', reason, remedy], failure);
}

/** Whether the failure alone does not explain the cause. @internal */
export function isUnclear(failure: unknown): boolean {
  return !CLEAR.test(reasonOf(failure));
}

/**
 * Whether the client uses TLS for a port without it, or the other way round, or refuses a certificate. The failure of
 * such a connection says little, and may take as long as any time limit; a Cluster only says that it is closed.
 *
 * @internal
 */
export async function tlsMistake(client: RedisClient): Promise<PropagatorError | undefined> {
  const address = addressOf(client);
  if (address === undefined) return undefined;
  const { host, port, tls } = address;
  const at = `at ${host}:${port}`;
  if (tls) {
    if (!(await speaksPlain(host, port))) return refusedCertificate(host, port, tls);
    const remedy =
      'Write redis:// in place of rediss://, leave out "tls", or take the port of Redis for TLS.';
    return PropagatorError.of('redis.tls', [`${at} does not speak TLS on this port`, remedy]);
  }
  if (!(await speaksTls(host, port))) return undefined;
  const remedy = 'Write rediss:// in place of redis://, or add "tls": {}.';
  return PropagatorError.of('redis.tls', [
    `${at} speaks TLS on this port, and nothing else`,
    remedy,
  ]);
}

/**
 * Why a Redis that accepts connections does not become ready; undefined if it does not load its data. ioredis waits
 * until Redis has loaded its data, without an event.
 *
 * @internal
 */
export async function loadingReason(client: RedisClient): Promise<string | undefined> {
  if (client.status !== 'connect') return undefined;
  const info = await infoOf(client, 'persistence');
  if (!/^loading:1/m.test(info)) return undefined;
  const [, seconds] = /^loading_eta_seconds:(\d+)/m.exec(info) ?? [];
  const left = seconds === undefined ? '' : `, about ${seconds} s left`;
  return `LOADING: Redis reads its data from disk${left}`;
}

/** The first address of the client; undefined for a file. */
function addressOf(
  client: RedisClient,
): { readonly host: string; readonly port: number; readonly tls: unknown } | undefined {
  const { options = {} } = client as ClientParts;
  const { sentinels } = options;
  const cluster = isClusterClient(client);
  const [first] = cluster ? (startupNodesOf(client) ?? []) : (sentinels ?? [options]);
  if (first === undefined || (!cluster && options.path)) return undefined;
  let tls = cluster ? options.redisOptions?.tls : options.tls;
  if (sentinels) tls = options.enableTLSForSentinelMode && options.sentinelTLS;
  const { host, port } = typeof first === 'object' ? first : inText(String(first));
  return {
    host: host ?? '127.0.0.1',
    port: Number(port ?? (sentinels ? 26_379 : 6379)),
    tls,
  };
}

/** A node of a Cluster as a port, as `host:port` or as a URL. */
function inText(text: string): Address {
  if (/^\d+$/.test(text)) return { port: Number(text) };
  const given = text.includes('://') ? text : `redis://${text}`;
  if (!URL.canParse(given)) return {};
  const { hostname, port } = new URL(given);
  return { host: hostname, ...(port === '' ? {} : { port: Number(port) }) };
}

function speaksPlain(host: string, port: number): Promise<boolean> {
  const socket = connectPlain({ host, port });
  return outcome(socket, false, (end) => {
    socket.on('connect', () => void socket.write('PING\r\n'));
    // Its PONG, or an error, such as that a password is needed.
    socket.on('data', (bytes) => end(/^[+-]/.test(bytes.toString('latin1'))));
  });
}

function speaksTls(host: string, port: number): Promise<boolean> {
  // Nothing is sent, so the certificate does not matter here.
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  return outcome(socket, false, (end) => socket.on('secureConnect', () => end(true)));
}

/** Connects with the options of the app, which no other connection has accepted. */
async function refusedCertificate(
  host: string,
  port: number,
  tls: unknown,
): Promise<PropagatorError | undefined> {
  const socket = connectTls({ host, port, ...(typeof tls === 'object' ? tls : {}) });
  return outcome<PropagatorError | undefined>(socket, undefined, (end) => {
    // Redis may refuse the certificate of the app a moment after the handshake.
    socket.on('secureConnect', () => void socket.write('PING\r\n'));
    socket.on('data', () => end(undefined));
    socket.on('error', (error) => end(mistakeIn(error)));
  });
}

function outcome<T>(
  socket: Socket,
  otherwise: T,
  watch: (end: (result: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = after(PROBE_MS, reject, () => end(otherwise));
    const end = (result: T): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    watch(end);
    socket.on('close', () => end(otherwise));
    socket.on('error', () => end(otherwise));
  });
}
