import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Example } from '../../support/example.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';

/** Long enough to reload a page, unless the machine is frozen. */
const GRACE_MS = 1_500;

/** The messages that a client got about others. */
const newsOf = (client: TestClient, userId: string): string[] =>
  client.received
    .filter(({ args: [change] }) => (change as { userId: string }).userId === userId)
    .map(({ event, args: [change] }) => {
      const { status } = change as { status: string | null };
      return status === null ? event : `${event} ${status}`;
    });

async function hears(client: TestClient, userId: string, ...news: string[]): Promise<void> {
  await until(
    () => newsOf(client, userId).length >= news.length,
    () => `${news.join(', ')} of ${userId}, got ${newsOf(client, userId).join(', ')}`,
  );
  expect(newsOf(client, userId)).toEqual(news);
}

describe('examples/presence', () => {
  let example: Example;
  beforeAll(async () => {
    const env = { GRACE_MS: String(GRACE_MS) };
    example = await Example.start('presence', env, env);
  });
  afterAll(() => example.close());

  it('tells all clients on all instances once which users come, leave and change their status', async () => {
    const alice = await example.connect(0, 'alice');
    const dave = await example.connect(1, 'dave');
    const both = (userId: string, ...news: string[]) =>
      Promise.all([alice, dave].map((client) => hears(client, userId, ...news)));
    await both('dave', 'user-online');
    const phone = await example.connect(1, 'bob');
    const laptop = await example.connect(0, 'bob');
    await both('bob', 'user-online');
    expect(await laptop.ask('which', ['alice', 'bob', 'carol'])).toEqual(['alice', 'bob']);
    expect(await phone.ask('status', 'in a call')).toBe(true);
    await both('bob', 'user-online', 'user-status in a call');

    // One of two devices, and a reload: nothing is reported.
    await laptop.closed();
    const wentAt = Date.now();
    await phone.closed();
    const again = await example.connect(0, 'bob');
    if (Date.now() >= wentAt + GRACE_MS) return;
    const carol = await example.connect(1, 'carol');
    await carol.closed();
    await both('carol', 'user-online', 'user-offline');
    await both('bob', 'user-online', 'user-status in a call');
    await again.closed();
    await both('bob', 'user-online', 'user-status in a call', 'user-offline');
    expect(await alice.ask('which', ['alice', 'bob', 'dave'])).toEqual(['alice', 'dave']);
    expect(await alice.ask('last-seen', 'bob')).toEqual({ at: expect.any(Number) });
    expect(await alice.ask('last-seen', 'nobody')).toEqual({ at: null });
  });

  it('refuses a client without a name', async () => {
    expect(await example.answerTo(0)).toBe('auth.token-missing');
  });
});
