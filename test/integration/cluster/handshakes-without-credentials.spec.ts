import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthOptions, SharedHandshake } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { ConnectOptions } from '../../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../../support/test-cluster.js';

const SECRET = 'eyJhbGciOi.s3cret+/=';

describe('the handshake of a socket on another instance', () => {
  let cluster: TestCluster;
  /** All messages between the instances. */
  let said: string;
  beforeEach(() => {
    said = '';
  });
  afterEach(() => cluster.close());

  const describedAs = async (
    auth: Partial<AuthOptions>,
    options: ConnectOptions,
    sharedHandshake: SharedHandshake = {},
  ) => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({
        sharedHandshake,
        auth: { ...TOKEN_IS_USER, ...auth, authenticate: () => ({ userId: 'alice' }) },
      })
      .start();
    await untilMembersKnown(cluster);
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

  it('has no auth and query fields, no query in its URL, and only headers that describe a client', async () => {
    const handshake = await describedAs(
      {},
      {
        auth: { token: 'alice', device: 'phone', login: { value: SECRET }, monkey: 1 },
        query: { pin: SECRET, v: '2' },
        extraHeaders: {
          Authorization: `Bearer ${SECRET}`,
          Cookie: `sid=${SECRET}`,
          'X-Api-Key': SECRET,
          'X-Device': SECRET,
          Referer: `https://example.com/?t=${SECRET}`,
          'User-Agent': 'a phone',
          'X-Forwarded-For': '192.0.2.1',
        },
      },
    );

    expectSecret(handshake);
    expect(handshake).toEqual({
      headers: {
        host: expect.any(String),
        'user-agent': 'a phone',
        'x-forwarded-for': '192.0.2.1',
      },
      auth: {},
      query: {},
      time: expect.any(String),
      address: expect.any(String),
      xdomain: false,
      secure: false,
      issued: expect.any(Number),
      url: '/socket.io/',
    });
  });

  it('has the fields that the app allows', async () => {
    const handshake = await describedAs(
      {},
      {
        auth: { token: SECRET, device: { kind: 'phone' }, authorId: 7, other: SECRET },
        query: { v: '2', pin: SECRET },
        extraHeaders: { 'X-Device': 'phone', 'X-Other': SECRET },
      },
      { auth: ['device', 'authorId', 'absent'], query: ['v'], headers: ['X-Device'] },
    );

    expectSecret(handshake);
    expect(handshake.auth).toEqual({ device: { kind: 'phone' }, authorId: 7 });
    expect(handshake.query).toEqual({ v: '2' });
    expect(handshake.headers).toMatchObject({ 'x-device': 'phone' });
    expect(handshake.url).toBe('/socket.io/');
  });

  it('has no token, whatever the app allows', async () => {
    const handshake = await describedAs(
      { extractToken: ({ handshake: { auth } }) => String(auth['ticket']) },
      {
        auth: { ticket: SECRET, nested: { list: [SECRET, 'rest'] }, device: 'phone' },
        query: { t1: SECRET },
        extraHeaders: { 'X-Ticket': `Ticket ${SECRET}` },
      },
      { auth: ['ticket', 'nested', 'device'], query: ['t1'], headers: ['x-ticket'] },
    );

    expectSecret(handshake);
    expect(handshake.auth).toEqual({ nested: { list: [null, 'rest'] }, device: 'phone' });
  });
});
