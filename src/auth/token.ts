import type { Socket } from 'socket.io';
import { isPromise } from '../kinds.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';

/** RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1). */
const BEARER = /^bearer +(\S+) *$/i;

/** A string for the many sockets that have had one token only. */
const tokens = new WeakMap<Socket, string | readonly string[]>();

/** Records a socket's token, so that it can be left out of data for others. @internal */
export function rememberToken(socket: Socket, token: string): void {
  // The handshake keeps the first one for ever, and it may still be valid.
  const [first = token] = tokensUsedBy(socket);
  tokens.set(socket, first === token ? token : [first, token]);
}

/** The token with which a socket was authenticated, and its current one. @internal */
export function tokensUsedBy(socket: Socket): readonly string[] {
  const used = tokens.get(socket) ?? [];
  return typeof used === 'string' ? [used] : used;
}

/** The token that a client connects with, or undefined. @throws any error of `extractToken` @internal */
export function tokenOf(
  socket: Socket,
  { extractToken, tokenFromQuery }: Pick<ResolvedAuthOptions, 'extractToken' | 'tokenFromQuery'>,
): string | undefined {
  if (extractToken !== undefined) return extracted(extractToken(socket));
  const { auth, headers, query } = socket.handshake;
  return (
    tokenIn(auth) ??
    nonEmpty(BEARER.exec(headers.authorization ?? '')?.[1]) ??
    (tokenFromQuery ? nonEmpty(query['token']) : undefined)
  );
}

/** Refuses other values: they would connect a client as anonymous that the app meant to authenticate. @throws TypeError */
function extracted(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === 'string') return nonEmpty(given);
  ignoreRejection(given);
  const kind = isPromise(given) ? 'a Promise' : `a value of type ${typeof given}`;
  throw new TypeError(
    `it returned ${kind}. Return a string, null or undefined, and await in authenticate.`,
  );
}

/** A Promise from the app where none is expected must not end the process when it rejects. @internal */
export function ignoreRejection(given: unknown): void {
  if (typeof given === 'object' && given !== null) Promise.resolve(given).catch(() => undefined);
}

/** The token in `{ token }`, or undefined. @internal */
export function tokenIn(auth: unknown): string | undefined {
  const token = (auth as { token?: unknown } | null | undefined)?.token;
  return withoutScheme(nonEmpty(token));
}

/** Clients often put the whole header value into `auth.token`. */
function withoutScheme(token: string | undefined): string | undefined {
  return token === undefined ? undefined : (BEARER.exec(token)?.[1] ?? token);
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
