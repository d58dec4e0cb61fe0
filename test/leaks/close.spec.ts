import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { until } from '../support/until.js';
import { TestProcess } from './support/test-process.js';
import { RawSocket } from './support/raw-socket.js';
import * as visits from './support/visits.js';

interface Pending {
  questions: number;
  requests: number[];
  timers: string[];
  resources: string[];
}

describe('an app that waits for very much', () => {
  let app: TestProcess;
  beforeEach(async () => {
    app = await TestProcess.start('test/leaks/app/closing.ts');
  });
  afterEach(() => app.kill());
  const pending = () => app.call<Pending>('pending');

  it('waits for nothing once it is closed, and its process ends by itself', async () => {
    const urls = await app.call<string[]>('urls');
    const alice = await visits.connectPair(urls, 'alice');
    await visits.joinRoom(alice, 'lobby');
    await visits.enterNamespace(alice, '/tenant-1', 'alice');
    for (const url of urls) {
      // Somebody who may come back, and somebody who is being let in.
      (await RawSocket.connect(url, 'bob')).cut();
      void (await RawSocket.open(url)).enter('/', 'slow');
    }
    for (const index of urls.keys()) {
      await app.call('ask', index, { userId: 'alice', room: 'lobby', namespace: '/tenant-1' });
    }
    const before = await pending();
    console.log(before);
    await app.call('close');

    const resources = await app.call<string[]>('resources');
    await until(async () => isDeepStrictEqual((await pending()).resources, resources), () => 'resources', 2000).catch(() => {});
    const after = await pending();
    console.log(after);
    expect(after).toEqual({ questions: 0, requests: [0, 0], timers: [], resources });
    expect(await app.ended()).toBe(0);
    expect(app.stderr).toBe('');
  });
});
