import type { InstanceState } from '../../shared/model.js';

/** The report that an instance sends every second. */
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
