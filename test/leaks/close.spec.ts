import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { RawSocket } from './support/raw-socket.js';
import { TestProcess } from './support/test-process.js';
import * as visits from './support/visits.js';

// Every timeout of this app is ten minutes, so anything that is not cleared at the close is still there when the
// test looks.

describe('an app that is closed while it waits for replies, for clients and for lost clients', () => {
  let app: TestProcess;
  beforeEach(async () => {
    app = await TestProcess.start('test/leaks/app/closing.ts');
  });
  afterEach(() => app.kill());
  const is = async (what: string, expected: unknown): Promise<void> => {
    let now: unknown;
    await until(
      // As text, because values from another process have other classes than Jest's sandbox.
      async () => JSON.stringify((now = await app.call(what))) === JSON.stringify(expected),
      () => `${what} to be ${JSON.stringify(expected)}, got ${JSON.stringify(now)}`,
    );
  };

  it('waits for nothing afterwards, and its process ends by itself', async () => {
    const before = await app.call('resources');
    const urls = await app.call<string[]>('start');
    const alice = await visits.connectPair(urls, 'alice');
    await visits.joinRoom(alice, 'lobby');
    await visits.enterNamespace(alice, '/tenant-1', 'alice');
    for (const [index, url] of urls.entries()) {
      (await RawSocket.connect(url, 'may come back')).cut();
      void (await RawSocket.open(url)).enter('/', 'slow');
      await app.call('ask', index, { userId: 'alice', room: 'lobby', namespace: '/tenant-1' });
    }
    await is('clients', { atTheDoor: 2, connected: [2, 2] });
    expect(await app.call('pending')).toEqual({ questions: 6, requests: [3, 3] });

    await app.call('close');

    expect(await app.call('pending')).toEqual({ questions: 0, requests: [0, 0] });
    await is('resources', before);
    expect(await app.ended()).toBe(0);
    expect(app.stderr).toBe('');
  });
});
