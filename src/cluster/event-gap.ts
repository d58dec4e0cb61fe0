import type { InstanceId } from '../wire/envelope.js';

/** The audience of events that may be lost. */
export interface GapTarget {
  readonly namespace: string;
  /** The kind of audience. */
  readonly target: 'all' | 'authenticated' | 'user' | 'room';
  /** The user id or the room; undefined for `all` and `authenticated`. */
  readonly id?: string | undefined;
}

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
  /**
   * The targets whose clients may have missed events, if only some of this instance's channels were lost: up to 1,000.
   * Undefined: any client of this instance may have missed events.
   */
  readonly targets?: readonly GapTarget[] | undefined;
}
