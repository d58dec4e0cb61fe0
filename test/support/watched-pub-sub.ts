import type { PubSubState, RedisPropagatorOptions } from '../../src/index.js';
import { redisPubSub, type TestPubSub } from './redis-pub-sub.js';
import { until } from './until.js';

export interface WatchedPubSub extends TestPubSub {
  /** Every state so far, beginning with the state when `watchedPubSub` was called. */
  readonly states: PubSubState[];
  /** `channel message` for each message that arrived. */
  readonly received: string[];
  /** Resolves once the transport is in this state. */
  reaches(state: PubSubState): Promise<void>;
  /** Resolves once this many messages have arrived. */
  receives(count: number): Promise<void>;
}

/** A transport that records its states and messages, not yet connected. */
export function watchedPubSub(options: RedisPropagatorOptions): WatchedPubSub {
  const test = redisPubSub(options);
  const { pubSub, logger } = test;
  const states: PubSubState[] = [];
  const received: string[] = [];
  pubSub.state$.subscribe((state) => states.push(state));
  pubSub.onMessage((channel, message) => received.push(`${channel} ${String(message)}`));
  return {
    ...test,
    states,
    received,
    reaches: (state) =>
      until(
        () => pubSub.state === state,
        () => `the state ${state}; the log says ${JSON.stringify(logger.lines)}`,
      ),
    receives: (count) =>
      until(
        () => received.length >= count,
        () => `${count} messages, got ${JSON.stringify(received)}`,
      ),
  };
}
