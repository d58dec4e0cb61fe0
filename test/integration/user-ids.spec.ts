import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PresenceService, SessionService } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class RootGateway {}

const numericIds = {
  authenticate: (token: string) => ({
    userId: token.endsWith('n') ? BigInt(token.slice(0, -1)) : Number(token),
  }),
};

describe('user ids', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  // 1234 and "1234" must be one user.
  it('are one user as a number, a string and a bigint', async () => {
    cluster = await givenCluster().with(RootGateway).configured({ auth: numericIds }).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const clients = [await a.connect({ token: '1234' }), await b.connect({ token: '1234n' })];
    const receipt = { localSockets: 1, remoteInstances: 1, reached: true };

    for (const userId of [1234, '1234', 1234n]) {
      expect(await a.propagator.emitToUser({ userId, event: 'x' })).toEqual(receipt);
      expect(a.state.get(userId)).toHaveLength(1);
    }

    await cluster.settled(...clients);
    for (const client of clients) expect(client.data('x')).toHaveLength(3);
  });

  it('that are bigints of millions of digits are refused in a moment', async () => {
    const huge = 1n << 16_000_000n;
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway)
      .configured({ auth: { authenticate: () => ({ userId: huge }) } })
      .start();
    const { propagator } = cluster.instance(0);
    const startedAt = performance.now();

    expect(await cluster.instance(0).refusal({ token: 'x' })).toMatchObject({
      data: { code: 'auth.failed' },
    });
    await expect(propagator.emitToUser({ userId: huge, event: 'x' })).rejects.toMatchObject({
      code: 'target.invalid',
    });
    await expect(
      propagator.emitToRoom({ room: huge as unknown as string, event: 'x' }),
    ).rejects.toMatchObject({ code: 'target.invalid' });

    // Converting their digits took a minute.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('that are numbers above 2^53 - 1 are refused by every verb, because they are not exact', async () => {
    cluster = await givenCluster().of(1).with(RootGateway).configured({ auth: numericIds }).start();
    const { app, propagator } = cluster.instance(0);
    const userId = Number('90071992547409931');
    const refused = {
      code: 'target.invalid',
      message: expect.stringMatching(/string or a bigint/),
    };

    const client = await cluster.instance(0).connect({ token: '90071992547409931n' });
    await expect(cluster.instance(0).connect({ token: '90071992547409931' })).rejects.toMatchObject(
      {
        data: { code: 'auth.failed' },
      },
    );
    const event = { userId, event: 'x' };
    for (const call of [
      propagator.emitToUser(event),
      propagator.propagateEvent({ ...event, namespace: '/' }),
      propagator.requestUser(event),
      propagator.joinUser(userId, 'room'),
      propagator.disconnectUser(userId),
      app.get(PresenceService).isOnline(userId),
      app.get(SessionService).revokeUser(userId),
    ]) {
      await expect(call).rejects.toMatchObject(refused);
    }
    await cluster.settled(client);
    expect(client.received).toEqual([]);
  });

  it.each(['a:b', 'ü 你好 "quoted" \\', '*', 'a b\nc', 'x'.repeat(256), 'all', 'user:1'])(
    'may be any text: %j',
    async (userId) => {
      cluster = await givenCluster().with(RootGateway).start();
      const alice = await cluster.instance(1).connect({ token: userId });
      const bob = await cluster.instance(1).connect({ token: 'bob' });

      const receipt = await cluster
        .instance(0)
        .propagator.emitToUser({ userId, event: 'x', data: 1 });

      expect(receipt).toEqual({ localSockets: 0, remoteInstances: 1, reached: true });
      await cluster.settled(alice, bob);
      expect(alice.data('x')).toEqual([1]);
      expect(bob.received).toEqual([]);
    },
  );
});
