import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import type { ClientCommand } from '../../../src/redis/ioredis-internals.js';
import { keepSubscriptions } from '../../../src/redis/kept-subscriptions.js';

describe('commands of the app on its borrowed subscriber', () => {
  const sent: string[] = [];
  const reports: string[] = [];
  const answers: unknown[] = [];
  /** The channels that the client says it has. */
  let channels: Record<string, string[]> | undefined;
  let client: { sendCommand: (command: ClientCommand) => unknown };
  let restore: () => void;

  beforeEach(() => {
    for (const list of [sent, reports, answers]) list.length = 0;
    channels = { subscribe: ['ours', 'theirs'], psubscribe: ['p*'] };
    const created = {
      get condition() {
        const known = channels;
        return known && { subscriber: { channels: (kind: string) => known[kind] ?? [] } };
      },
      sendCommand: ({ name, args }: ClientCommand) => {
        sent.push([name, ...args].join(' '));
        return Promise.resolve();
      },
    };
    client = created;
    restore = keepSubscriptions(created as unknown as RedisClient, {
      isOurs: (channel) => channel === 'ours',
      kept: (command) => reports.push(command),
      dropped: () => reports.push('dropped'),
    });
  });
  const resolve = (answer: unknown): void => void answers.push(answer);
  async function send(name: unknown, ...args: unknown[]): Promise<void> {
    await client.sendCommand({ name, args, promise: Promise.resolve(), resolve });
    await new Promise((done) => setImmediate(done));
  }

  it('pass unchanged, unless they end subscriptions of this library', async () => {
    await send('get', 'key');
    await send('SUBSCRIBE', 'more');
    await send('unsubscribe', 'theirs');
    await send(7);
    expect(sent).toEqual(['get key', 'SUBSCRIBE more', 'unsubscribe theirs', '7']);
    expect(reports).toEqual([]);
  });

  it('UNSUBSCRIBE goes out without the channels of this library', async () => {
    await send('UNSUBSCRIBE', 'theirs', Buffer.from('ours'));
    expect(sent).toEqual(['UNSUBSCRIBE theirs']);
    expect(reports).toEqual(['UNSUBSCRIBE']);
  });

  it('UNSUBSCRIBE without channels means those of the app', async () => {
    await send('unsubscribe');
    expect(sent).toEqual(['unsubscribe theirs']);
    channels = { subscribe: ['ours'] };
    await send('unsubscribe');
    expect(sent).toHaveLength(1);
    expect(answers).toEqual([1]);
    await send('punsubscribe');
    expect(reports).toEqual(['UNSUBSCRIBE', 'UNSUBSCRIBE']);
  });

  it('RESET ends everything, and the subscriptions are made again', async () => {
    await send('reset');
    expect(sent).toEqual(['reset']);
    expect(reports).toEqual(['RESET', 'dropped']);
  });

  it('UNSUBSCRIBE without channels does so, too, if the channels of the client are unknown', async () => {
    channels = undefined;
    await send('unsubscribe');
    await send('punsubscribe');
    expect(sent).toEqual(['unsubscribe', 'punsubscribe']);
    expect(reports).toEqual(['dropped']);
  });

  it('are no longer touched after the client is given back', async () => {
    restore();
    await send('unsubscribe', 'ours');
    expect(sent).toEqual(['unsubscribe ours']);
    expect(reports).toEqual([]);
  });
});
