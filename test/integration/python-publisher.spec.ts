import { afterEach, describe, expect, it } from '@jest/globals';
import { PlainGateway } from '../support/plain-gateway.js';
import { runPython } from '../support/python.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';

const SCRIPT = 'examples/python-publisher/propagator.py';
const SECRET = 'a secret of this test, as long as it has to be';

describe('examples/python-publisher', () => {
  it('makes the bytes of the test vectors', async () => {
    const said = await runPython(SCRIPT, ['--check', 'docs/protocol-vectors.json']);
    expect(said).toMatch(/^[1-9]\d+ vectors, 0 mistakes\n$/);
  });

  describe('with an app', () => {
    let cluster: TestCluster;
    afterEach(() => cluster.close());

    const publish = (secret: string | undefined, ...args: string[]): Promise<string> =>
      runPython(SCRIPT, args, {
        REDIS_URL: testRedisUrl(),
        REDIS_PREFIX: cluster.prefix,
        PROPAGATOR_SECRET: secret ?? '',
      });

    it.each([
      ['without a secret', undefined],
      ['with a secret', SECRET],
    ])('reaches a user, a room and everybody on each instance: %s', async (_, secret) => {
      cluster = await givenCluster()
        .of(2)
        .with(PlainGateway)
        .configured(() => (secret === undefined ? {} : { secret }))
        .start();
      const alice = await cluster.instance(0).connect({ token: 'alice' });
      const bob = await cluster.instance(1).connect({ token: 'bob' });
      await bob.ask('join', 'lobby');

      const one = '1 instances have such a client\n';
      expect(await publish(secret, 'user', 'alice', 'x', '{"text":"grüße"}', '2')).toBe(one);
      expect(await publish(secret, 'room', 'lobby', 'x', '"to the room"')).toBe(one);
      expect(await publish(secret, 'all', 'x')).toBe('2 instances have such a client\n');
      expect(await publish(secret, 'user', 'nobody', 'x')).toBe('0 instances have such a client\n');
      await alice.waitFor('x', 2);
      await bob.waitFor('x', 2);
      await cluster.settled(alice, bob);

      expect(alice.received.map(({ args }) => args)).toEqual([[{ text: 'grüße' }, 2], []]);
      expect(bob.received.map(({ args }) => args)).toEqual([['to the room'], []]);
      for (const { counts } of cluster.instances) expect(counts).toEqual({});
    });

    it('reaches nobody with a wrong secret, or without one', async () => {
      cluster = await givenCluster()
        .of(1)
        .with(PlainGateway)
        .configured(() => ({ secret: SECRET }))
        .start();
      const alice = await cluster.instance(0).connect({ token: 'alice' });
      await publish(SECRET.toUpperCase(), 'all', 'x');
      await publish(undefined, 'all', 'x');
      await publish(SECRET, 'all', 'last');
      await alice.waitFor('last');
      expect(alice.events).toEqual(['last']);
      expect(cluster.instance(0).counts).toEqual({
        'message.forged': 1,
        'message.unsigned': 1,
      });
    });
  });
});
