import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthOptions } from '../../../src/index.js';
import { acquainted } from '../../support/acquainted.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { ConnectOptions } from '../../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../../support/test-cluster.js';

const SECRET = 'eyJhbGciOi.s3cret+/=';

describe('what other instances are told of a socket’s handshake', () => {
  let cluster: TestCluster;
  /** All that instances said to one another. */
  let said: string;
  beforeEach(() => {
    said = '';
  });
  afterEach(() => cluster.close());

  const describedAs = async (auth: Partial<AuthOptions>, options: ConnectOptions) => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({
        auth: { ...TOKEN_IS_USER, ...auth, authenticate: () => ({ userId: 'alice' }) },
      })
      .start();
    await acquainted(cluster);
    for (const { pubSub } of cluster.instances) {
      pubSub.onMessage((_, message) => {
        said += message.toString('latin1');
      });
    }
    await cluster.instance(0).connect(options);
    const { items } = await cluster.instance(1).propagator.fetchUserSockets('alice');
    const local = await cluster.instance(0).propagator.fetchUserSockets('alice');
    const remote = await serverOf(cluster, 1).fetchSockets();
    expect(items).toHaveLength(1);
    expect(local.items).toEqual(items);
    expect(remote.map(({ handshake }) => handshake)).toEqual(
      items.map(({ handshake }) => handshake),
    );
    return items[0]?.handshake as Record<'headers' | 'auth' | 'query', object> & { url: string };
  };
  const expectSecret = (handshake: object): void => {
    for (const text of [JSON.stringify(handshake), said]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(encodeURIComponent(SECRET));
    }
  };

  it('has no token, and has the rest', async () => {
    const handshake = await describedAs({}, { auth: { token: SECRET, device: 'phone' } });

    expectSecret(handshake);
    expect(handshake.auth).toEqual({ device: 'phone' });
    expect(handshake.query).toMatchObject({ EIO: '4', transport: 'websocket' });
    expect(handshake.headers).toMatchObject({ upgrade: 'websocket' });
  });

  it('has no token of a header, and no cookies', async () => {
    const handshake = await describedAs(
      {},
      {
        extraHeaders: {
          Authorization: `Bearer ${SECRET}`,
          Cookie: `sid=${SECRET}`,
          'X-Api-Key': SECRET,
          'X-Device': 'phone',
        },
      },
    );

    expectSecret(handshake);
    expect(handshake.headers).toMatchObject({ 'x-device': 'phone' });
  });

  it('has no token of the query, neither there nor in the URL', async () => {
    const handshake = await describedAs(
      { tokenFromQuery: true },
      { query: { token: SECRET, device: 'phone' } },
    );

    expectSecret(handshake);
    expect(handshake.query).toMatchObject({ device: 'phone' });
    expect(handshake.url).toContain('token=***');
    expect(handshake.url).toContain('device=phone');
  });

  it('has no token from wherever the app takes it', async () => {
    const handshake = await describedAs(
      { extractToken: ({ handshake: { auth } }) => String(auth['ticket']) },
      {
        auth: { ticket: SECRET, device: 'phone' },
        query: { t1: SECRET },
        extraHeaders: { 'X-Ticket': `Ticket ${SECRET}` },
      },
    );

    expectSecret(handshake);
    expect(handshake.auth).toEqual({ device: 'phone' });
  });
});
