import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import type { InterruptedChannels } from '../../../src/ports/pub-sub.js';
import {
  SubscriberConnection,
  type SubscriberConnectionHandlers,
} from '../../../src/redis/subscriber-connection.js';

/** A fake client, for replies that a real Redis cannot be made to give at the right moment. */
function clientThat(answer: (channels: string[]) => Promise<unknown>) {
  const commands: string[] = [];
  const command =
    (name: string) =>
    (...channels: string[]) => {
      commands.push(`${name} ${channels.join(' ')}`);
      return answer(channels);
    };
  const client = {
    subscribe: command('SUBSCRIBE'),
    unsubscribe: command('UNSUBSCRIBE'),
    ssubscribe: command('SSUBSCRIBE'),
    sunsubscribe: command('SUNSUBSCRIBE'),
  } as unknown as RedisClient;
  return { client, commands };
}

/** Waits until everything that needs neither Redis nor the clock is done. */
async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the subscribed connection', () => {
  const settled: (string | undefined)[] = [];
  const missed: InterruptedChannels[] = [];
  const handlers: SubscriberConnectionHandlers = {
    settled: (refusal) => settled.push(refusal?.code),
    missed: (channels) => missed.push(channels),
    threw: (error) => {
      throw error;
    },
  };

  beforeEach(() => {
    settled.length = 0;
    missed.length = 0;
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('subscribes all channels of one tick in one command, and none of them twice', async () => {
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await Promise.all(['a', 'b', 'a'].map((channel) => connection.subscribe(channel)));
    await Promise.all(['a', 'b'].map((channel) => connection.subscribe(channel)));
    expect(commands).toEqual(['SUBSCRIBE a b']);
    await connection.close();
    expect(commands).toEqual(['SUBSCRIBE a b', 'UNSUBSCRIBE a b']);
  });

  it('unsubscribes a channel again if the connection was lost before Redis replied, because the client of an app may have subscribed it again', async () => {
    let silent = false;
    const { client, commands } = clientThat(() =>
      silent ? new Promise(() => {}) : Promise.resolve(),
    );
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await Promise.all(['a', 'b'].map((channel) => connection.subscribe(channel)));
    silent = true;
    connection.unsubscribe('a');
    await turns();
    silent = false;
    connection.lost();
    connection.opened();
    await turns();
    connection.lost();
    connection.opened();
    await turns();
    expect(commands).toEqual([
      'SUBSCRIBE a b',
      'UNSUBSCRIBE a',
      'UNSUBSCRIBE a',
      'SUBSCRIBE b',
      'SUBSCRIBE b',
    ]);
  });

  it('collects channels for a moment after a round of several, and not after a round of one', async () => {
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await Promise.all(['a', 'b', 'c'].map((channel) => connection.subscribe(channel)));
    const late = ['d', 'e'].map((channel) => {
      const subscribed = connection.subscribe(channel);
      return turns().then(() => subscribed);
    });
    await turns();
    expect(commands).toEqual(['SUBSCRIBE a b c']);
    await jest.advanceTimersByTimeAsync(5);
    await Promise.all(late);
    await connection.subscribe('f');
    await connection.subscribe('g');
    expect(commands).toEqual(['SUBSCRIBE a b c', 'SUBSCRIBE d e', 'SUBSCRIBE f', 'SUBSCRIBE g']);
  });

  // On a Cluster several sharded channels in one command fail with CROSSSLOT.
  it('sends a Cluster one command per hash slot', async () => {
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, true, 1_000, handlers);
    connection.opened();
    // For a name with braces, the text inside the braces decides the slot.
    const channels = ['{x}:1', '{y}:1', '{x}:2', '{y}:2'];
    await Promise.all(channels.map((channel) => connection.subscribe(channel)));
    expect(commands).toEqual(['SSUBSCRIBE {x}:1 {x}:2', 'SSUBSCRIBE {y}:1 {y}:2']);
    for (const channel of channels) connection.unsubscribe(channel);
    // Busy rounds keep a distance.
    await jest.advanceTimersByTimeAsync(5);
    await turns();
    expect(commands.slice(2)).toEqual(['SUNSUBSCRIBE {x}:1 {x}:2', 'SUNSUBSCRIBE {y}:1 {y}:2']);
  });

  it('sends a Cluster the channels of many slots in one turn of the event loop', async () => {
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, true, 1_000, handlers);
    const channels = Array.from({ length: 2_000 }, (_, number) => `c${number}`);
    const all = Promise.all(channels.map((channel) => connection.subscribe(channel)));
    connection.opened();
    // With one command in each of these few turns, most of some 1,900 slots would remain.
    await turns();
    await all;
    expect(commands.length).toBeGreaterThan(1_500);
    expect(commands.flatMap((command) => command.split(' ').slice(1)).toSorted()).toEqual(
      channels.toSorted(),
    );
    expect(settled).toEqual([undefined]);
  });

  it.each([false, true])(
    'becomes ready while channels are subscribed and unsubscribed without end, Cluster: %s',
    async (cluster) => {
      const answers: (() => void)[] = [];
      const { client } = clientThat(() => new Promise<void>((done) => answers.push(done)));
      const connection = new SubscriberConnection(client, cluster, 60_000, handlers);
      void connection.subscribe('wanted');
      connection.opened();
      for (let number = 0; number < 5; number++) {
        await turns();
        // Redis has not confirmed the last one when the next one starts.
        connection.subscribe(`c${number}`).catch(() => 'closed at the end');
        connection.unsubscribe(`c${number - 1}`);
        for (const answer of answers.splice(0)) answer();
      }
      await turns();
      expect(settled.length).toBeGreaterThan(3);
      expect(new Set(settled)).toEqual(new Set([undefined]));
      void connection.close();
    },
  );

  it('is not healthy while a channel is overdue, even if others are confirmed', async () => {
    const late: (() => void)[] = [];
    const { client } = clientThat((channels) =>
      channels.includes('late') ? new Promise<void>((done) => late.push(done)) : Promise.resolve(),
    );
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await connection.subscribe('a');
    await turns();
    const refusal = connection.subscribe('late').catch(() => 'it stays wanted');
    await turns();
    jest.advanceTimersByTime(1_500);
    await refusal;
    expect(settled).toEqual([undefined, 'redis.timeout']);
    for (const answer of late) answer();
    await turns();
    expect(settled).toEqual([undefined, 'redis.timeout', undefined]);
    void connection.close();
  });

  it('never sends UNSUBSCRIBE without a channel, which would mean all channels', async () => {
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    connection.unsubscribe('never subscribed');
    await turns();
    await connection.close();
    expect(commands).toEqual([]);
  });

  it('is degraded while a Cluster is down, retries, and keeps waiting subscriptions waiting', async () => {
    let down = true;
    const { client, commands } = clientThat(() =>
      down ? Promise.reject(new Error('CLUSTERDOWN Hash slot not served')) : Promise.resolve(),
    );
    const connection = new SubscriberConnection(client, true, 60_000, handlers);
    connection.opened();
    let subscribed = false;
    void connection.subscribe('a').then(() => (subscribed = true));
    await turns();
    expect(settled).toEqual(['redis.unavailable']);
    expect(commands).toEqual(['SSUBSCRIBE a']);

    down = false;
    jest.advanceTimersByTime(5_000);
    await turns();
    expect(subscribed).toBe(true);
    expect(commands).toEqual(['SSUBSCRIBE a', 'SSUBSCRIBE a']);
    expect(settled).toEqual(['redis.unavailable', undefined]);
    await connection.close();
  });

  it('confirms a channel that was released before its confirmation and wanted again before the last one', async () => {
    const answers: (() => void)[] = [];
    const { client, commands } = clientThat(() => new Promise<void>((done) => answers.push(done)));
    // Two commands: two slots of a Cluster.
    const connection = new SubscriberConnection(client, true, 60_000, handlers);
    connection.opened();
    const first = connection.subscribe('{x}:1');
    void connection.subscribe('{y}:1');
    await turns();
    expect(commands).toHaveLength(2);

    connection.unsubscribe('{x}:1');
    await first;
    answers[0]?.();
    await turns();
    const again = connection.subscribe('{x}:1');
    answers[1]?.();

    await again;
    expect(connection.isSubscribed('{x}:1')).toBe(true);
    await turns();
    expect(settled.at(-1)).toBeUndefined();
    for (const answer of answers) answer();
    void connection.close();
  });

  it('retries refused channels every few seconds until they are released', async () => {
    const { client, commands } = clientThat(() => Promise.reject(new Error('NOPERM no channel')));
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await expect(connection.subscribe('a')).rejects.toMatchObject({ code: 'redis.permission' });
    for (let time = 0; time < 3; time++) {
      await turns();
      jest.advanceTimersByTime(5_000);
    }
    await turns();
    expect(commands).toEqual(Array.from({ length: 4 }, () => 'SUBSCRIBE a'));
    connection.unsubscribe('a');
    jest.advanceTimersByTime(60_000);
    await turns();
    expect(commands).toHaveLength(4);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reports which refused or overdue channels may have missed messages', async () => {
    let refused = true;
    const lateAnswers: (() => void)[] = [];
    const { client } = clientThat(([channel]) => {
      if (channel === 'refused' && refused) return Promise.reject(new Error('NOPERM no'));
      if (channel !== 'late') return Promise.resolve();
      return new Promise<void>((resolve) => lateAnswers.push(resolve));
    });
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    const told = () =>
      missed.map((concerns) => ['well', 'refused', 'late'].filter((name) => concerns(name)));
    connection.opened();
    await connection.subscribe('well');
    await expect(connection.subscribe('refused')).rejects.toMatchObject({
      code: 'redis.permission',
    });
    await turns();
    expect(told()).toEqual([]);
    refused = false;
    jest.advanceTimersByTime(5_000);
    await turns();
    expect(told()).toEqual([['refused']]);
    expect(settled).toEqual([undefined, 'redis.permission', undefined]);
    settled.length = 0;

    const late = connection.subscribe('late');
    void late.catch(() => {});
    await turns();
    jest.advanceTimersByTime(1_000);
    await expect(late).rejects.toMatchObject({ code: 'redis.timeout' });
    expect(told()).toEqual([['refused'], ['late']]);
    expect(settled).toEqual(['redis.timeout']);
    for (const answer of lateAnswers) answer();
    await turns();
    expect(told()[2]).toEqual(['late']);
    expect(settled).toEqual(['redis.timeout', undefined]);
    await connection.subscribe('well');
    await turns();
    expect(missed).toHaveLength(3);
    void connection.close();
  });

  it('keeps nothing about channels that are wanted and released while Redis is down', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const memory = (): number => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const { client, commands } = clientThat(() => Promise.resolve());
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    await connection.subscribe('kept');
    connection.lost();
    const comeAndGo = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const channel = `propagator:/:user:${i}-of-${count}`;
        void connection.subscribe(channel);
        connection.unsubscribe(channel);
        if (i % 1_000 === 0) await turns();
      }
    };
    await comeAndGo(1_000);
    const before = memory();
    await comeAndGo(100_000);
    // With 50 bytes for each it would be this much.
    expect(memory() - before).toBeLessThan(5_000_000);

    connection.opened();
    await turns();
    expect(commands).toEqual(['SUBSCRIBE kept', 'SUBSCRIBE kept']);
    await connection.close();
  });

  it('does not take a reply of a lost connection for one of the next connection', async () => {
    const answers: (() => void)[] = [];
    const { client, commands } = clientThat(
      () => new Promise<void>((resolve) => answers.push(resolve)),
    );
    const connection = new SubscriberConnection(client, false, 1_000, handlers);
    connection.opened();
    const waiting = connection.subscribe('a');
    await turns();
    connection.lost();
    connection.opened();
    await turns();
    expect(commands).toEqual(['SUBSCRIBE a', 'SUBSCRIBE a']);
    answers[0]?.();
    await turns();
    expect(connection.isSubscribed('a')).toBe(false);
    answers[1]?.();
    await waiting;
    expect(connection.isSubscribed('a')).toBe(true);
    expect(settled).toEqual([undefined]);
    answers.push(() => {});
    void connection.close();
  });
});
