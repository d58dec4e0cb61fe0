import type { ClusterResult } from '../cluster/cluster-result.js';

/** What one device answered. */
export interface DeviceAnswer<R = unknown> {
  readonly socketId: string;
  /** The instance that it is connected to. */
  readonly instanceId: string;
  readonly answer: R;
}

/** What a user's devices answered. */
export interface UserAnswers<R = unknown> extends ClusterResult<DeviceAnswer<R>> {
  /** Ids of the sockets that were asked and did not answer in time. */
  readonly unanswered: readonly string[];
}
