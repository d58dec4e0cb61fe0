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
  const remedy =
    'Pass the certificate of its authority, and your own where Redis asks for one, as "tls": { ca, cert, key }, beside the URL or the other options.';
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
 * Whether the client uses TLS for a port without it, or the other way round. The failure of such a connection says
 * little, and may take as long as any time limit.
 *
 * @internal
 */
export async function tlsMistake(client: RedisClient): Promise<PropagatorError | undefined> {
  const address = addressOf(client);
  if (address === undefined) return undefined;
  const { host, port, tls } = address;
  const at = `at ${host}:${port}`;
  if (tls) {
    if (!(await speaksPlain(host, port))) return undefined;
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
 * until that is done, and says nothing.
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
function addressOf(client: RedisClient): { host: string; port: number; tls: boolean } | undefined {
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
    tls: Boolean(tls),
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
  return outcome(socket, (end) => {
    socket.on('connect', () => void socket.write('PING\r\n'));
    // Its PONG, or an error, such as that a password is needed.
    socket.on('data', (bytes) => end(/^[+-]/.test(bytes.toString('latin1'))));
  });
}

function speaksTls(host: string, port: number): Promise<boolean> {
  // Nothing is sent, so the certificate does not matter here.
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  return outcome(socket, (end) => socket.on('secureConnect', () => end(true)));
}

function outcome(
  socket: Socket,
  watch: (end: (result: boolean) => void) => void,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = after(PROBE_MS, reject, () => end(false));
    const end = (result: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    watch(end);
    socket.on('close', () => end(false));
    socket.on('error', () => end(false));
  });
}
