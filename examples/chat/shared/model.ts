/** The data that the server and the page exchange. Times are in ms since 1970. */

export interface User {
  id: string;
  name: string;
}

export interface Message {
  /** The same wherever the message appears: live, in an acknowledgement, in the history. */
  id: string;
  room: string;
  user: User;
  text: string;
  at: number;
  /** The sender's own id for the message. A message that is sent again keeps it, and is the same message. */
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

/** A connected tab or program of a user. */
export interface Device {
  device: string;
  /** Name of the instance. */
  instance: string;
  connectedAt: number;
}

/** A user who is online. */
export interface PresenceEntry {
  user: User;
  status: Status;
  /** Empty for a moment after the last one has left, while the user may come back. */
  sessions: Device[];
}

export interface PresenceChange extends PresenceEntry {
  online: boolean;
}

/**
 * - `degraded`: without Redis; its clients get events of this instance only
 * - `draining`: about to end; its clients are being moved
 * - `stopped`: has ended properly
 * - `lost`: silent for some seconds
 * - `unknown`: the reporting instance has lost Redis, and cannot know
 */
export type InstanceState =
  'starting' | 'ready' | 'degraded' | 'draining' | 'stopped' | 'lost' | 'unknown';

export interface InstanceView {
  /** Stays the same after a restart. */
  name: string;
  /** Different after each restart. */
  id: string;
  pid: number;
  /** The URL of this instance for browsers; null behind a load balancer. */
  url: string | null;
  state: InstanceState;
  sockets: number;
  /** Events written to its sockets in the last second. */
  eventsPerSecond: number;
  uptimeMs: number;
  /** Whether it is the reporting instance. */
  me: boolean;
}

export interface ClusterView {
  /** By name. A stopped instance is shown for another minute, or until it is back. */
  instances: InstanceView[];
  redis: { state: 'connecting' | 'ready' | 'degraded' | 'closed' };
  total: { sockets: number; users: number };
  /** Other URLs to connect to when an instance ends; empty behind a load balancer. */
  urls: string[];
}
