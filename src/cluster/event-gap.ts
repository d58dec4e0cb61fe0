import type { InstanceId } from '../wire/envelope.js';

/**
 * Events that this instance could not receive and cannot get any more. Its clients missed those addressed to them, if
 * there were any.
 */
export interface EventGap {
  /** The instance that sent them. */
  readonly instanceId: InstanceId;
  /** The first number of its events that may be missing. Each instance numbers its events from 1. */
  readonly from: number;
  /** The last number; null if it is unknown. */
  readonly to: number | null;
  /**
   * - `no-answer`: the instance has left, or did not reply
   * - `forgotten`: the events were too old, or too many
   */
  readonly reason: 'no-answer' | 'forgotten';
}
