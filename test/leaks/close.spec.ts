import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { until } from '../support/until.js';
import { RawSocket } from './support/raw-socket.js';
import { TestProcess } from './support/test-process.js';
import * as visits from './support/visits.js';

// Every timeout of this app is ten minutes: what is not cleared when it is closed is still there when we look.

describe('an app that is closed while it waits for answers, for clients and for those who may come back', () => {
  let app: TestProcess;
  beforeEach(async () => {
    app = await TestProcess.start('test/leaks/app/closing.ts');
  });
  afterEach(() => app.kill());
  const resources = () => app.call<string[]>('resources');

  it('waits for nothing afterwards, and its process ends by itself', async () => {
    const before = await resources();
    const urls = await app.call<string[]>('start');
    const alice = await visits.connectPair(urls, 'alice');
    await visits.joinRoom(alice, 'lobby');
    await visits.enterNamespace(alice, '/tenant-1', 'alice');
    for (const [index, url] of urls.entries()) {
      (await RawSocket.connect(url, 'may come back')).cut();
      void (await RawSocket.open(url)).enter('/', 'slow');
      await app.call('ask', index, { userId: 'alice', room: 'lobby', namespace: '/tenant-1' });
    }
    expect(await app.call('pending')).toEqual({ questions: 6, requests: [3, 3] });

    await app.call('close');

    expect(await app.call('pending')).toEqual({ questions: 0, requests: [0, 0] });
    let after: string[] = [];
    await until(
      async () => isDeepStrictEqual((after = await resources()), before),
      () => `nothing to be waited for but ${before.join()}, got ${after.join()}`,
    );
    expect(await app.ended()).toBe(0);
    expect(app.stderr).toBe('');
  });
});
