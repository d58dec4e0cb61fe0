import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PropagatorError, reasonOf } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { refusedLogin, wrongServer } from './redis-error.js';
import { after } from '../reporting/timers.js';

/** For each of the attempts that tell whether a port speaks TLS. */
const PROBE_MS = 1_000;
/** What OpenSSL and Node say of a certificate that does not fit, on either side. */
const CERTIFICATE = /certificate|altname|unable to verify/i;
/** What ioredis 5 and 6 say of an answer that begins like none of Redis'. */
const NO_REDIS = /^Protocol error, got|^Unknown RESP type/;
/** Failures that say enough: nothing is there, or nothing of that name. */
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
  /** The nodes of a Cluster as the app gave them. */
  readonly startupNodes?: readonly (Address | string | number)[];
}

/** The mistake in the option `redis` that a failure tells of; undefined for one that passes by itself. @internal */
export function mistakeIn(failure: unknown): PropagatorError | undefined {
  const refusal = refusedLogin(failure) ?? wrongServer(failure);
  if (refusal !== undefined) return refusal;
  const reason = reasonOf(failure).trim();
  if (!CERTIFICATE.test(reason)) return undefined;
  const remedy =
    'Pass the certificate of its authority, and your own where Redis asks for one, as "tls": { ca, cert, key }, beside the URL or the other options.';
  return PropagatorError.of('redis.tls', [`did not agree on TLS (${reason})`, remedy], failure);
}

/** The mistake where the answer is none of Redis'. A port for TLS answers so as well: see {@link tlsMistake}. @internal */
export function noRedis(failure: unknown): PropagatorError | undefined {
  const reason = reasonOf(failure).trim();
  if (!NO_REDIS.test(reason)) return undefined;
  const remedy = 'Check the host and the port in the option "redis".';
  return PropagatorError.of('redis.wrong-server', ['no Redis', reason, remedy], failure);
}

/** Whether more has to be known of a failure than it says. @internal */
export function isUnclear(failure: unknown): boolean {
  return !CLEAR.test(reasonOf(failure));
}

/**
 * Whether the client speaks TLS to a port that does not, or the other way round: a failure of the connection says
 * little of that, and may take as long as any time limit.
 *
 * @internal
 */
export async function tlsMistake(client: RedisClient): Promise<PropagatorError | undefined> {
  const address = addressOf(client as ClientParts);
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

/** What the client connects to first; undefined for a file. */
function addressOf({
  options = {},
  startupNodes,
}: ClientParts): { host: string; port: number; tls: boolean } | undefined {
  const { sentinels } = options;
  const [first] = startupNodes ?? sentinels ?? [options];
  if (first === undefined || (startupNodes === undefined && options.path)) return undefined;
  let tls = startupNodes === undefined ? options.tls : options.redisOptions?.tls;
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
    // Its PONG, or an error: that a password is needed, say.
    socket.on('data', (bytes) => end(/^[+-]/.test(bytes.toString('latin1'))));
  });
}

function speaksTls(host: string, port: number): Promise<boolean> {
  // Nothing is sent: the certificate does not matter here.
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
