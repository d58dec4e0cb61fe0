import { afterEach, describe, expect, it } from '@jest/globals';
import { hostileValues } from '../support/hostile-values.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe('values that cannot be converted to text', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('refuse a client and postpone a new token, whatever authenticate throws', async () => {
    let thrown: (() => unknown) | undefined;
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({
        limits: { refusals: 1_000 },
        auth: {
          authenticate: (token) => {
            if (thrown !== undefined) throw thrown();
            return { userId: token };
          },
        },
      })
      .start();
    const a = cluster.instance(0);
    const alice = await a.connect({ token: 'alice' });
    for (const [, make] of hostileValues) {
      thrown = make;
      expect(await a.refusal({ token: 'bob' })).toMatchObject({ data: { code: 'auth.failed' } });
      expect(await alice.ask('auth:refresh', 'alice')).toEqual({ ok: false, code: 'auth.failed' });
    }
    thrown = undefined;
    expect(await alice.ask('auth:refresh', 'alice')).toEqual({ ok: true, expiresAt: null });
    expect(a.counts['auth.failed']).toBe(2 * hostileValues.length);
  });

  it.each<[string, string]>([
    ['a newline', 'one\nwarn forged: line'],
    ['a C1 control', 'one\u0085two\u009b31m'],
    ['a line separator', 'one\u2028two\u2029three'],
    ['a mark that turns text around', '\u202etxet'],
    ['300 KB', 'x'.repeat(300_000)],
    ['a URL with a password', 'see redis://user:hunter2@host'],
  ])('and text with %s become one short line of the log', async (_, text) => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({
        limits: { roomsPerSocket: 1, nameBytes: 65_536 },
        auth: {
          authenticate: (token) => {
            if (token !== 'alice') throw new Error(`no such token: ${token}`);
            return { userId: token };
          },
        },
      })
      .start();
    const a = cluster.instance(0);
    const alice = await a.connect({ token: 'alice' });
    await a.refusal({ token: text });
    await alice.ask('join', ['lobby', `${text}!`]);
    expect(Object.values(a.counts)).toEqual([1, 1]);
    expect(cluster.logger.lines).toHaveLength(2);
    for (const line of cluster.logger.lines) {
      expect(line).not.toMatch(UNFIT);
      expect(line).not.toContain('hunter2');
      expect(line.length).toBeLessThan(1_100);
    }
  });

  it('and a huge name of a room or of a refused event take no noticeable time', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured({ limits: { eventsPerSecond: 1, eventBurst: 3, refusals: 1_000 } })
      .start();
    const a = cluster.instance(0);
    const alice = await a.connect({ token: 'alice' });
    const bob = await a.connect({ token: 'bob' });
    const startedAt = performance.now();
    await alice.ask('join', `propagator#${'a'.repeat(900_000)}`);
    await alice.ask('join', '?'.repeat(900_000));
    await alice.ask('join', `//${'a:'.repeat(400_000)}`);
    for (const name of ['a', '//a:', '?a', 'propagator#', 'a@']) {
      // One more than the burst, so that one is refused however slow the machine is.
      const asked = [1, 2, 3, 4].map(() => alice.ask(name.repeat(900_000 / name.length), 1));
      expect(await Promise.any(asked)).toMatchObject({ code: 'client.too-many-events' });
    }
    await bob.ask('join', 'lobby');
    // One of them took half an hour.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
