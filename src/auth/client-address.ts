import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { ignoreRejection } from './token.js';

/** An IPv6 address with a zone takes some 60 characters. The memory for each client has to be limited. */
const MAX_CHARACTERS = 256;

/**
 * The address of a socket's client, as returned by the option `auth.clientAddress`. If that returns no usable
 * value, the address of the connection. Never throws.
 *
 * @internal
 */
export function clientAddressOf(
  socket: Socket,
  options: Pick<ResolvedAuthOptions, 'clientAddress'> | undefined,
  reporter: Reporter,
): string {
  const address = connectionAddress(socket);
  if (options?.clientAddress === undefined) return address;
  try {
    const given: unknown = options.clientAddress(socket);
    const problem = problemOf(given);
    if (problem === undefined) return given as string;
    ignoreRejection(given);
    reporter.report('auth.client-address', () => `auth.clientAddress returned ${problem}`);
  } catch (error) {
    reporter.report('auth.client-address', () => `auth.clientAddress threw: ${reasonOf(error)}`);
  }
  return address;
}

/** An app may have replaced the handshake, and a server on a Unix socket knows no address. */
function connectionAddress(socket: Socket): string {
  try {
    const handshake: Partial<Socket['handshake']> | undefined = socket.handshake;
    return typeof handshake?.address === 'string' ? handshake.address : '';
  } catch {
    // A getter of the app that throws.
    return '';
  }
}

function problemOf(given: unknown): string | undefined {
  if (typeof given !== 'string' || given === '' || given.length > MAX_CHARACTERS) {
    return `not a string of 1 to ${MAX_CHARACTERS} characters`;
  }
  // A client can write any value before the part that the proxy appends, and would count as another client each
  // time.
  return given.includes(',')
    ? 'a list of addresses. Return one: that which your own proxy appended'
    : undefined;
}

/**
 * The key that counts as one client: an IPv4 address in any notation, or the /64 of an IPv6 address, of which each
 * client has 2^64. Ports are ignored. Text that is not an address is used unchanged.
 *
 * @internal
 */
export function networkOf(address: string): string {
  const host = hostIn(address.trim());
  if (!isIPv6(host)) return host;
  const groups = groupsOf(host);
  const ipv4 = embeddedIn(groups);
  if (ipv4 !== undefined) return ipv4;
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The address without a port, and without brackets: `10.0.0.1:4711`, `[2001:db8::1]:4711`. */
function hostIn(address: string): string {
  if (isIP(address) !== 0) return address;
  const [, host] =
    /^\[([^\]]{1,100})\](?::\d{1,5})?$/.exec(address) ??
    /^([\d.]{7,15}):\d{1,5}$/.exec(address) ??
    [];
  return host !== undefined && isIP(host) !== 0 ? host : address;
}

/** The eight groups of an IPv6 address. */
function groupsOf(ipv6: string): number[] {
  const [address = ''] = ipv6.split('%', 1);
  const [head = '', tail] = address.split('::');
  const first = parsed(head);
  if (tail === undefined) return first;
  const last = parsed(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function parsed(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (!isIPv4(group)) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** Prefixes, as groups, that are followed by an IPv4 address: mapped, translated, NAT64, 6to4. */
const EMBEDDINGS: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0xffff],
  [0, 0, 0, 0, 0xffff, 0],
  [0x64, 0xff9b, 0, 0, 0, 0],
  [0x2002],
];

function embeddedIn(groups: readonly number[]): string | undefined {
  const prefix = EMBEDDINGS.find((embedding) =>
    embedding.every((group, index) => groups[index] === group),
  );
  if (prefix === undefined) return undefined;
  return groups
    .slice(prefix.length, prefix.length + 2)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}
