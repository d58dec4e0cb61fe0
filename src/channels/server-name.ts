import { createHash } from 'node:crypto';
import type { PubSub } from '../ports/pub-sub.js';

/** The name where a transport does not tell its servers apart. */
const ONE_FOR_ALL = 'transport';
/** The longest address of a server is shorter. Records with longer names are refused. */
const MAX_LENGTH = 300;

/**
 * The server that takes a publish on this channel now; undefined while it is unknown. A transport that does not say has
 * one server.
 *
 * @internal
 */
export function serverNameOf(pubSub: PubSub, channel: string): string | undefined {
  const name = pubSub.serverOf === undefined ? ONE_FOR_ALL : pubSub.serverOf(channel);
  if (name === undefined || name.length <= MAX_LENGTH) return name;
  return createHash('sha256').update(name).digest('hex');
}

/** Whether messages of one server arrive in one order whatever their channels, as far as the transport says. @internal */
export function keepsOrder(pubSub: PubSub): boolean {
  return pubSub.laneOf !== undefined || pubSub.ordersChannels === true;
}
