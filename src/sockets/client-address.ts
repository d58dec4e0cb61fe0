import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { ignoreRejection } from './token.js';

/** An IPv6 address with a zone takes some 60 characters. What is kept for each client has to be bounded. */
const MOST_CHARACTERS = 256;

/**
 * Where a socket's client is, as the option `auth.clientAddress` says; where that says nothing usable, the address of the
 * connection.
 *
 * @internal
 */
export function clientAddressOf(
  socket: Socket,
  options: Pick<ResolvedAuthOptions, 'clientAddress'> | undefined,
  reporter: Reporter,
): string {
  // An app may have replaced the handshake.
  const handshake: Partial<Socket['handshake']> | undefined = socket.handshake;
  const address = typeof handshake?.address === 'string' ? handshake.address : '';
  if (options?.clientAddress === undefined) return address;
  try {
    const given: unknown = options.clientAddress(socket);
    if (typeof given === 'string' && given !== '' && given.length <= MOST_CHARACTERS) return given;
    ignoreRejection(given);
    reporter.report(
      'auth.client-address',
      () => `auth.clientAddress returned no string of 1 to ${MOST_CHARACTERS} characters`,
    );
  } catch (error) {
    reporter.report('auth.client-address', () => `auth.clientAddress threw: ${reasonOf(error)}`);
  }
  return address;
}
