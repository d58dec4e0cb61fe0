import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PresenceChange } from '../../../../src/presence/store/presence-change.js';
import { ChangeFeed } from '../../../../src/presence/tracker/change-feed.js';

const PATIENCE_MS = 1_000;
const CHANGE: PresenceChange = {
  type: 'online',
  userId: 'alice',
  status: null,
  at: 1,
  instanceId: 'a',
};

describe('ChangeFeed', () => {
  let feed: ChangeFeed;
  let listeners: number;
  beforeEach(() => {
    jest.useFakeTimers();
    listeners = 0;
    feed = new ChangeFeed(
      PATIENCE_MS,
      () => listeners++,
      (error) => {
        throw error;
      },
    );
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('lets changes wait until the app has started, and for the patience after that', () => {
    jest.advanceTimersByTime(10 * PATIENCE_MS);
    expect(feed.isWaiting).toBe(true);
    feed.appStarted();
    jest.advanceTimersByTime(PATIENCE_MS - 1);
    expect(feed.isWaiting).toBe(true);
    jest.advanceTimersByTime(1);
    expect(feed.isWaiting).toBe(false);
  });

  it('calls back for each subscriber, after the subscriber has its subscription', () => {
    const received: PresenceChange[] = [];
    const subscription = feed.changes$.subscribe((change) => received.push(change));
    expect(listeners).toBe(0);
    jest.runAllTicks();
    expect(listeners).toBe(1);
    feed.publish(CHANGE);
    expect(received).toEqual([CHANGE]);
    subscription.unsubscribe();
    feed.publish(CHANGE);
    expect(received).toHaveLength(1);
  });

  it('lets changes wait for the patience after the last subscriber, not after an earlier one', () => {
    feed.appStarted();
    jest.advanceTimersByTime(PATIENCE_MS);
    const first = feed.changes$.subscribe();
    const last = feed.changes$.subscribe();
    first.unsubscribe();
    expect([feed.hasSubscriber, feed.isWaiting]).toEqual([true, false]);
    last.unsubscribe();
    expect([feed.hasSubscriber, feed.isWaiting]).toEqual([false, true]);
    jest.advanceTimersByTime(PATIENCE_MS);
    expect(feed.isWaiting).toBe(false);
  });

  it('keeps changes while the app ends, unless there is a subscriber', () => {
    feed.appStarted();
    feed.appEnding();
    jest.advanceTimersByTime(10 * PATIENCE_MS);
    expect(feed.isWaiting).toBe(true);
    feed.appStarted();
    expect(feed.isWaiting).toBe(true);
    feed.changes$.subscribe();
    expect(feed.isWaiting).toBe(false);
  });
});
