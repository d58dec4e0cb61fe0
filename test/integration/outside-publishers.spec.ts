import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExternalClient } from '../support/external-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients, type SampleClients } from '../support/sample-clients.js';
import type { TestClient } from '../support/test-client.js';

@WebSocketGateway()
class RootGateway {}

@WebSocketGateway({ namespace: 'chat:%' })
class ChatGateway {}

function receivedBy(clients: readonly TestClient[]): unknown[][] {
  return clients.map(({ received }) =>
    received.map(({ event, args }) => [event].concat(args as [])),
  );
}

describe('a publisher outside of the app', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  /** Its messages have arrived once this one has. */
  const done = async ({ everybody }: SampleClients): Promise<void> => {
    await external.publish(cluster.channel('all'), { event: 'done' });
    await Promise.all(everybody.map((client) => client.waitFor('done')));
    await cluster.settled(...everybody);
    for (const client of everybody) {
      client.received.splice(
        client.received.findIndex(({ event }) => event === 'done'),
        1,
      );
    }
  };

  it('reaches all sockets, the authenticated ones, or one user with a line of JSON', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const clients = await connectSampleClients(cluster);

    expect(await external.publish(cluster.channel('all'), '{"event":"tick","data":1}')).toBe(2);
    expect(
      await external.publish(cluster.channel('authenticated'), { event: 'known', data: [2] }),
    ).toBe(2);
    expect(
      await external.publish(cluster.channel('user:alice'), { event: 'alice', data: { n: 3 } }),
    ).toBe(2);
    expect(await external.publish(cluster.channel('user:nobody'), { event: 'lost' })).toBe(0);
    await external.publish(cluster.channel('all'), { event: 'nothing', data: null });
    await external.publish(cluster.channel('all'), { event: 'no data' });

    await done(clients);
    const all = [['tick', 1], ['nothing', null], ['no data']];
    const known = [['tick', 1], ['known', [2]], ['nothing', null], ['no data']];
    const alice = [
      ['tick', 1],
      ['known', [2]],
      ['alice', { n: 3 }],
      ['nothing', null],
      ['no data'],
    ];
    expect(receivedBy([clients.origin, ...clients.others])).toEqual([alice, alice, alice]);
    expect(receivedBy(clients.bobs)).toEqual([known, known]);
    expect(receivedBy(clients.anonymous)).toEqual([all, all]);
  });

  it('leaves out the sockets that it names', async () => {
    cluster = await givenCluster().of(2).with(RootGateway).start();
    const clients = await connectSampleClients(cluster);
    const except = [clients.origin.id, clients.anonymous[1]?.id ?? ''];

    await external.publish(cluster.channel('all'), { event: 'x', except });

    await done(clients);
    const without = clients.everybody.filter((client) => client.received.length === 0);
    expect(without.map(({ id }) => id).sort()).toEqual([...except].sort());
  });

  it('reaches a namespace by its name, percent-encoded', async () => {
    cluster = await givenCluster().of(2).with(RootGateway, ChatGateway).start();
    const clients = await connectSampleClients(cluster);
    const inChat = await cluster.instance(1).connect({ namespace: '/chat:%' });

    await external.publish(cluster.channel('all', '/chat%3A%25'), { event: 'x', data: 1 });

    await inChat.waitFor('x');
    await done(clients);
    expect(receivedBy([inChat])).toEqual([[['x', 1]]]);
    for (const client of clients.everybody) expect(client.received).toEqual([]);
  });
});
