import type { InstanceId } from '../wire/envelope.js';

/**
 * Events that this instance could not hear and cannot get any more: its clients did not get those that were for them.
 * There may have been none.
 */
export interface EventGap {
  /** The instance that sent them. */
  readonly instanceId: InstanceId;
  /** The first number of its events that may be missing. An instance numbers its events from 1. */
  readonly from: number;
  /** The last one; null where that is unknown. */
  readonly to: number | null;
  /**
   * - `no-answer`: the instance is gone, or did not answer
   * - `forgotten`: it was too long ago, or too much
   */
  readonly reason: 'no-answer' | 'forgotten';
}
