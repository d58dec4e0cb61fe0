import type { Socket } from 'socket.io';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';

/** RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1). */
const BEARER = /^bearer +(\S+) *$/i;

const tokens = new WeakMap<Socket, string>();

/** Keeps a socket's token in mind, so that it can be left out of what others are told. @internal */
export function rememberToken(socket: Socket, token: string): void {
  tokens.set(socket, token);
}

/** The token that a socket was authenticated with. @internal */
export function tokenUsedBy(socket: Socket): string | undefined {
  return tokens.get(socket);
}

/** The token that a client connects with, or undefined. @internal */
export function tokenOf(
  socket: Socket,
  { extractToken, tokenFromQuery }: Pick<ResolvedAuthOptions, 'extractToken' | 'tokenFromQuery'>,
): string | undefined {
  if (extractToken !== undefined) return nonEmpty(extractToken(socket));
  const { auth, headers, query } = socket.handshake;
  return (
    withoutScheme(nonEmpty((auth as Record<string, unknown> | undefined)?.['token'])) ??
    nonEmpty(BEARER.exec(headers.authorization ?? '')?.[1]) ??
    (tokenFromQuery ? nonEmpty(query['token']) : undefined)
  );
}

/** Clients often put the whole header value into `auth.token`. */
function withoutScheme(token: string | undefined): string | undefined {
  return token === undefined ? undefined : (BEARER.exec(token)?.[1] ?? token);
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
