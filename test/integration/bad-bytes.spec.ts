import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ExternalClient } from '../support/external-client.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class RootGateway {}

/** An envelope of this version, kind and flags, with these frames after a header of this length. */
function envelope({
  version = 1,
  kind = 0,
  flags = 0,
  length = 28,
  frames = frame('42["x",1]'),
} = {}): Buffer {
  const header = Buffer.alloc(28, 7);
  header[0] = version;
  header[1] = kind;
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(length, 4);
  return Buffer.concat([header, frames]);
}

function frame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
}

const faults: [kind: string, bytes: [what: string, payload: string | Buffer][]][] = [
  [
    'message.malformed',
    [
      ['nothing', ''],
      ['broken JSON', '{"event":"x"'],
      ['JSON without an event', '{"data":1}'],
      ['an event that is no text', '{"event":{"a":1}}'],
      ['an empty event', '{"event":""}'],
      ['an exception that is no list', '{"event":"x","except":"everybody"}'],
      ['an exception that is no list of text', '{"event":"x","except":[7]}'],
      // Names that Socket.IO and EventEmitter use themselves.
      ['a reserved name', '{"event":"disconnect"}'],
      ['another reserved name', '{"event":"connect_error","data":{}}'],
      ['a header cut short', envelope().subarray(0, 20)],
      ['a header and no frame', envelope({ frames: Buffer.alloc(0) })],
      ['a header longer than the message', envelope({ length: 4_000_000_000 })],
      ['a header that says it is shorter than it is', envelope({ length: 3 })],
      ['a list that is not there', envelope({ flags: 4, length: 28 })],
      ['a frame cut short', envelope({ frames: frame('42["x",1]').subarray(0, 5) })],
      [
        'a frame longer than the message',
        envelope({ frames: Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]) }),
      ],
      [
        'a frame and a rest',
        envelope({ frames: Buffer.concat([frame('42["x",1]'), Buffer.from([0])]) }),
      ],
      ['a frame of another kind', envelope({ frames: Buffer.from([0x88, 0]) })],
      ['a masked frame', envelope({ frames: Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5]) })],
    ],
  ],
  [
    'message.unknown-version',
    [
      ['text', 'hello'],
      ['a JSON list', '["x"]'],
      ['a later version', envelope({ version: 3 })],
      ['zeros', Buffer.alloc(100)],
      ['noise', Buffer.from(Array.from({ length: 200 }, (_, byte) => (byte * 37 + 11) % 256))],
    ],
  ],
  ['message.unknown-kind', [['a later kind', envelope({ kind: 9 })]]],
  [
    'message.too-large',
    [
      ['too much JSON', JSON.stringify({ event: 'x', data: 'x'.repeat(5_000) })],
      ['too much of an envelope', envelope({ frames: Buffer.alloc(5_000, 0x81) })],
    ],
  ],
];

// Bytes that would be an uncaught exception in a careless receiver and end every instance.
describe('invalid bytes on a channel', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const start = async (): Promise<TestClient[]> => {
    cluster = await givenCluster()
      .of(2)
      .with(RootGateway)
      .configured({ maxMessageBytes: 4_096 })
      .start();
    return [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ];
  };
  /** Both instances run and deliver: an event sent after the invalid bytes arrives on each channel. */
  const livesOn = async (clients: TestClient[]): Promise<void> => {
    const channels = ['all', 'authenticated', 'user:alice'];
    for (const channel of channels) {
      await external.publish(cluster.channel(channel), { event: 'still alive', data: channel });
    }
    for (const client of clients) {
      expect(await client.waitFor('still alive', channels.length)).toEqual(channels);
      expect(client.received).toHaveLength(channels.length);
    }
  };

  it.each(faults)(
    'are dropped and counted as %s, and the instances keep running',
    async (kind, payloads) => {
      const clients = await start();

      for (const [, payload] of payloads) {
        for (const channel of ['all', 'authenticated', 'user:alice']) {
          await external.publish(cluster.channel(channel), payload);
        }
      }

      await livesOn(clients);
      for (const { counts } of cluster.instances)
        expect(counts).toEqual({ [kind]: 3 * payloads.length });
    },
  );

  it('are logged at most once a second for each kind', async () => {
    const clients = await start();
    const from = Date.now();

    for (let n = 0; n < 100; n++) {
      await external.publish(cluster.channel('all'), 'hello');
      await external.publish(cluster.channel('all'), '{');
    }

    await livesOn(clients);
    const most = cluster.instances.length * (Math.floor((Date.now() - from) / 1_000) + 1);
    for (const kind of ['message.unknown-version', 'message.malformed']) {
      const lines = cluster.logger.matching(new RegExp(`^warn ${kind}: `));
      expect(lines.length).toBeGreaterThanOrEqual(cluster.instances.length);
      expect(lines.length).toBeLessThanOrEqual(most);
    }
    expect(cluster.instance(1).counts).toEqual({
      'message.unknown-version': 100,
      'message.malformed': 100,
    });
  });
});
