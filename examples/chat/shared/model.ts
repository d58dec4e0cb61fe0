/** What the server and the page tell each other about. Times are in ms since 1970. */

export interface User {
  id: string;
  name: string;
}

export interface Message {
  /** The same wherever the message shows up: live, in an acknowledgement, in the history. */
  id: string;
  room: string;
  user: User;
  text: string;
  at: number;
  /** What the sender called it. One that is sent again keeps it, and is the same message. */
  clientId: string;
}

export interface Order {
  id: string;
  item: string;
  userId: string;
  status: 'received' | 'shipped';
  at: number;
}

export const STATUSES = ['available', 'busy', 'away'] as const;
export type Status = (typeof STATUSES)[number];

/** A tab or a program of a user that is connected. */
export interface Device {
  device: string;
  /** Name of the instance that has it. */
  instance: string;
  connectedAt: number;
}

/** Of a user who is online. */
export interface PresenceEntry {
  user: User;
  status: Status;
  /** Empty for a moment when the last one has gone, and the user may come back. */
  sessions: Device[];
}

export interface PresenceChange extends PresenceEntry {
  online: boolean;
}

/**
 * - `degraded`: without Redis; its clients are served, and do not hear those of other instances
 * - `draining`: about to end; its clients are being moved
 * - `stopped`: has ended in order
 * - `lost`: has not been heard of for some seconds
 * - `unknown`: the instance that tells has lost Redis, and cannot know
 */
export type InstanceState =
  'starting' | 'ready' | 'degraded' | 'draining' | 'stopped' | 'lost' | 'unknown';

export interface InstanceView {
  /** Stays the same when the instance is started again. */
  name: string;
  /** Another one each time that the instance is started. */
  id: string;
  pid: number;
  /** Where a browser reaches this very instance; null behind a load balancer. */
  url: string | null;
  state: InstanceState;
  sockets: number;
  /** Events written to its sockets in the last second. */
  eventsPerSecond: number;
  uptimeMs: number;
  /** Whether it is the one that tells. */
  me: boolean;
}

export interface ClusterView {
  /** By name. One that has stopped is shown for another minute, or until it is back. */
  instances: InstanceView[];
  redis: { state: 'connecting' | 'ready' | 'degraded' | 'closed' };
  total: { sockets: number; users: number };
  /** Where else to connect when an instance ends; empty behind a load balancer. */
  urls: string[];
}
