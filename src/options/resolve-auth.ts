import { types } from 'node:util';
import { isPlainObject } from '../kinds.js';
import type { AuthOptions } from './auth-options.js';
import { likeliest, checkKnown, flag, invalid, isOptions, misused, wholeNumber } from './checks.js';

/** Absent if not given. */
type Optional = 'extractToken' | 'handshakesPerSecond' | 'clientAddress' | 'maxSocketsPerUser';

export type ResolvedAuthOptions = Readonly<
  Required<Omit<AuthOptions, Optional>> & Pick<AuthOptions, Optional>
>;

const KNOWN = [
  'authenticate',
  'required',
  'publicGateways',
  'timeoutMs',
  'tokenFromQuery',
  'extractToken',
  'expiryWarningMs',
  'handshakesPerSecond',
  'clientAddress',
  'maxSocketsPerUser',
  'onTooManySockets',
  'revocationMs',
  'maxMetadataBytes',
] as const;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MAX_HANDSHAKES = 100_000;
const MAX_SOCKETS = 1_000;
/** @internal */
export const MAX_METADATA_BYTES = 65_536;

/** An instance of a class may have other fields. Only those that look like an option are refused. */
function checkNames(given: object): void {
  const own = Object.keys(given);
  const names = isPlainObject(given) ? own : own.filter((name) => likeliest(name, KNOWN));
  checkKnown('auth', Object.fromEntries(names.map((name) => [name, true])), KNOWN);
}

/** @internal */
export function resolveAuth(given: unknown): ResolvedAuthOptions | undefined {
  if (given === undefined) return undefined;
  if (!isOptions(given)) {
    throw invalid('auth', given, 'Write { authenticate: async (token) => ({ userId }) }.');
  }
  checkNames(given);
  const auth = given as Partial<AuthOptions>;
  if (typeof auth.authenticate !== 'function') {
    throw invalid(
      'auth.authenticate',
      auth.authenticate,
      'Write a function (token, socket) => ({ userId }), or null for a bad token.',
    );
  }
  if (auth.extractToken !== undefined && typeof auth.extractToken !== 'function') {
    throw invalid(
      'auth.extractToken',
      auth.extractToken,
      'Write a function (socket) => string, or undefined where there is no token.',
    );
  }
  if (auth.clientAddress !== undefined && typeof auth.clientAddress !== 'function') {
    throw invalid(
      'auth.clientAddress',
      auth.clientAddress,
      'Write a function (socket) => string, or leave it out for socket.handshake.address.',
    );
  }
  for (const name of ['extractToken', 'clientAddress'] as const) {
    // Otherwise every client would be refused, or no address would be known.
    if (!types.isAsyncFunction(auth[name])) continue;
    throw misused(
      `auth.${name}`,
      'an async function',
      'Return the string at once, and await in authenticate.',
    );
  }
  if (auth.extractToken !== undefined && auth.tokenFromQuery === true) {
    throw misused(
      'auth.tokenFromQuery',
      'true, with auth.extractToken',
      'extractToken takes the place of all other places: leave one of them out.',
    );
  }
  if (auth.maxSocketsPerUser === undefined && auth.onTooManySockets !== undefined) {
    throw invalid(
      'auth.onTooManySockets',
      auth.onTooManySockets,
      'It goes with auth.maxSocketsPerUser.',
    );
  }
  const { handshakesPerSecond, maxSocketsPerUser, onTooManySockets = 'disconnect-oldest' } = auth;
  if (onTooManySockets !== 'reject-new' && onTooManySockets !== 'disconnect-oldest') {
    throw invalid(
      'auth.onTooManySockets',
      onTooManySockets,
      "Write 'reject-new' or 'disconnect-oldest'.",
    );
  }
  return Object.freeze({
    // Bound, because an app may pass an object with methods.
    authenticate: auth.authenticate.bind(auth),
    required: flag('auth.required', auth.required, false),
    publicGateways: classes('auth.publicGateways', auth.publicGateways),
    timeoutMs: wholeNumber('auth.timeoutMs', auth.timeoutMs, 5_000, [1, 600_000]),
    tokenFromQuery: flag('auth.tokenFromQuery', auth.tokenFromQuery, false),
    ...(auth.extractToken && { extractToken: auth.extractToken.bind(auth) }),
    expiryWarningMs: wholeNumber('auth.expiryWarningMs', auth.expiryWarningMs, 60_000, [0, DAY_MS]),
    handshakesPerSecond:
      handshakesPerSecond === undefined
        ? undefined
        : wholeNumber('auth.handshakesPerSecond', handshakesPerSecond, 10, [1, MAX_HANDSHAKES]),
    ...(auth.clientAddress && { clientAddress: auth.clientAddress.bind(auth) }),
    maxSocketsPerUser:
      maxSocketsPerUser === undefined
        ? undefined
        : wholeNumber('auth.maxSocketsPerUser', maxSocketsPerUser, 10, [1, MAX_SOCKETS]),
    onTooManySockets,
    revocationMs: wholeNumber('auth.revocationMs', auth.revocationMs, 5_000, [0, HOUR_MS]),
    maxMetadataBytes: wholeNumber('auth.maxMetadataBytes', auth.maxMetadataBytes, 1_024, [
      0,
      MAX_METADATA_BYTES,
    ]),
  });
}

function classes(option: string, given: readonly object[] = []): readonly object[] {
  if (Array.isArray(given) && given.every((each) => typeof each === 'function')) {
    return Object.freeze([...given]);
  }
  throw invalid(option, given, 'Write a list of classes, such as [StatusGateway].');
}
