import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RecordingPropagator } from '../../src/testing/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

describe('an event with several arguments', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
  });
  afterAll(() => cluster.close());

  it('reaches clients of all instances as several arguments', async () => {
    const clients = [
      await cluster.instance(0).connect({ token: 'ann' }),
      await cluster.instance(1).connect({ token: 'ann' }),
    ];
    const got = clients.map(
      (client) => new Promise((resolve) => client.socket.once('moved', (...args) => resolve(args))),
    );
    const { propagator } = cluster.instance(0);

    await propagator.emitToUser({ userId: 'ann', event: 'moved', args: [1, Buffer.of(2), 'x'] });

    expect(await Promise.all(got)).toEqual([
      [1, Buffer.of(2), 'x'],
      [1, Buffer.of(2), 'x'],
    ]);
  });

  it('can be a request', async () => {
    const client = await cluster.instance(1).connect({ token: 'bob' });
    client.socket.once('add', (a: number, b: number, ack: (sum: number) => void) => ack(a + b));
    const { propagator } = cluster.instance(0);

    const { items } = await propagator.requestUser({ userId: 'bob', event: 'add', args: [1, 2] });

    expect(items.map(({ answer }) => answer)).toEqual([3]);
  });

  it.each([
    ['both', { data: 1, args: [1] }],
    ['no list', { args: 'ab' as never }],
  ])('is refused with %s', async (_, wrong) => {
    const refusal = { code: 'target.invalid', message: expect.stringContaining('"args"') };
    for (const one of [cluster.instance(0).propagator, new RecordingPropagator()]) {
      await expect(one.emitToAll({ event: 'e', ...wrong })).rejects.toMatchObject({
        code: 'target.invalid',
        message: expect.stringContaining('args'),
      });
      await expect(one.requestUser({ userId: '1', event: 'e', ...wrong })).rejects.toMatchObject({
        code: refusal.code,
      });
    }
  });
});
