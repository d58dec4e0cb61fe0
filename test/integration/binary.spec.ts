import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual as equal } from 'node:util';
import { RedisPropagatorInterceptor } from '../../src/index.js';
import type { ConnectOptions } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class PlainGateway {
  @SubscribeMessage('bytes')
  bytes(): WsResponse<Buffer> {
    return { event: 'data', data: Buffer.from([0, 1, 255]) };
  }
}

@WebSocketGateway({ perMessageDeflate: { threshold: 0 } })
class DeflatingGateway {}

const BYTES = [0, 1, 2, 123, 128, 255];
const bytes = Uint8Array.from(BYTES);
const expected = Buffer.from(BYTES);

/** The values that are sent, and what a Node client receives: Buffers. */
const forms: [form: string, data: unknown, received: unknown][] = [
  ['a Buffer', Buffer.from(bytes), expected],
  ['an ArrayBuffer', bytes.buffer, expected],
  ['a Uint8Array', bytes, expected],
  [
    'a view of a part of an ArrayBuffer',
    new Uint8Array([9, ...BYTES, 9]).subarray(1, -1),
    expected,
  ],
  [
    'a Uint16Array',
    new Uint16Array([258, 65_535]),
    Buffer.from(new Uint16Array([258, 65_535]).buffer),
  ],
  ['a DataView', new DataView(bytes.buffer, 2, 3), expected.subarray(2, 5)],
  ['an empty Buffer', Buffer.alloc(0), Buffer.alloc(0)],
  [
    'nested binary',
    { list: [{ b: Buffer.from(bytes) }], n: 1, empty: null },
    { list: [{ b: expected }], n: 1, empty: null },
  ],
  ['several of them', [Buffer.from('a'), 'text', bytes], [Buffer.from('a'), 'text', expected]],
  ['many bytes', Buffer.alloc(200_000, 7), Buffer.alloc(200_000, 7)],
  ['text of many bytes', 'ü'.repeat(70_000), 'ü'.repeat(70_000)],
  [
    'an object that looks like JSON of a Buffer',
    { type: 'Buffer', data: [1] },
    { type: 'Buffer', data: [1] },
  ],
];

const connections: [how: string, gateway: typeof PlainGateway, options: ConnectOptions][] = [
  ['WebSocket', PlainGateway, {}],
  ['long polling', PlainGateway, { transports: ['polling'] }],
  [
    'WebSocket with perMessageDeflate',
    DeflatingGateway as typeof PlainGateway,
    { perMessageDeflate: { threshold: 0 } },
  ],
  ['polling, then WebSocket', PlainGateway, { transports: ['polling', 'websocket'] }],
];

// JSON would turn Buffers into `{ type: 'Buffer' }`.
describe.each(connections)('binary data, over %s', (_how, gateway, options) => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('arrives as it was sent, on the sender’s instance and on others', async () => {
    cluster = await givenCluster().of(2).with(gateway).start();
    const clients = [
      await cluster.instance(0).connect({ token: 'alice', ...options }),
      await cluster.instance(1).connect({ token: 'alice', ...options }),
    ];
    const { propagator } = cluster.instance(0);

    for (const [form, data] of forms) {
      await propagator.emitToUser({ userId: 'alice', event: form, data });
      await propagator.emitToAll({ event: form, data, compress: false });
    }

    await cluster.settled(...clients);
    for (const client of clients) {
      const wrong = forms.filter(
        ([form, , received]) => !equal(client.data(form), [received, received]),
      );
      expect(wrong.map(([form]) => [form, client.data(form)])).toEqual([]);
      expect(client.received).toHaveLength(2 * forms.length);
    }
  });
});

// JSON would turn Buffers into `{ type: 'Buffer' }`.
describe('binary data of a response', () => {
  it('arrives as binary at the user’s other sockets', async () => {
    const cluster = await givenCluster().of(2).with(PlainGateway).start();
    const origin = await cluster.instance(0).connect({ token: 'alice' });
    const other = await cluster.instance(1).connect({ token: 'alice' });

    origin.emit('bytes');

    expect(await origin.waitFor('data')).toEqual([Buffer.from([0, 1, 255])]);
    expect(await other.waitFor('data')).toEqual([Buffer.from([0, 1, 255])]);
    await cluster.close();
  });
});
