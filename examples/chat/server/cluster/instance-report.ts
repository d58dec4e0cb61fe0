import type { InstanceState } from '../../shared/model.js';

/** What an instance says of itself every second. */
export interface InstanceReport {
  id: string;
  name: string;
  pid: number;
  url: string | null;
  state: InstanceState;
  sockets: number;
  eventsPerSecond: number;
  startedAt: number;
}
