import type { PubSubState, RedisPropagatorOptions } from '../../src/index.js';
import { redisPubSub, type TestPubSub } from './redis-pub-sub.js';
import { until } from './until.js';

export interface WatchedPubSub extends TestPubSub {
  /** Every state so far, the first at the time of `watchedPubSub`. */
  readonly states: PubSubState[];
  /** `channel message` of everything that arrived. */
  readonly received: string[];
  /** Resolves once it is in this state. */
  reaches(state: PubSubState): Promise<void>;
  /** Resolves once that much has arrived. */
  receives(count: number): Promise<void>;
}

/** A transport that remembers what happened to it; not yet connected. */
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
