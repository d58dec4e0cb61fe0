import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import { resolveSecret } from '../../../src/options/resolve-secret.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { signEnvelope } from '../../../src/wire/signature.js';
import { untilMembersKnown } from '../../support/members.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

/** An event of a program that runs once and has an id of its own, as docs/protocol.md describes. */
function envelopeOf(data: number, channel: string, secret: string | undefined): Buffer {
  const [key] = resolveSecret(secret) ?? [];
  const header = { origin: randomBytes(8), sequence: 1, sentAt: Date.now() };
  const flags = { volatile: false, compress: true, customParser: false, except: [], rooms: [] };
  const signed = key !== undefined;
  const { bytes } = encodeEnvelope({ ...header, ...flags, signed }, [`2["x",${data}]`]);
  if (signed) signEnvelope(bytes, channel, key);
  return bytes;
}

describe.each([
  ['', undefined],
  [', signed', 'a secret of more than 32 characters'],
])('events of outside programs, each with a new id, after a reconnection%s', (_, secret) => {
  let cluster: TestCluster;
  let redis: RunningRedis;
  let admin: Redis;
  afterEach(async () => {
    admin.disconnect();
    await cluster.close();
    await redis.stop();
  });

  async function afterReconnection() {
    redis = await startOwnRedis();
    admin = new Redis(redis.url);
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .onRedis(redis.url)
      .configured({ secret })
      .start();
    await untilMembersKnown(cluster);
    const instance = cluster.instance(1);
    const client = await instance.connect({ token: 'alice' });
    const repair = () => instance.app.get(DiagnosticsService).diagnostics().repair;
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(
      () => repair().repairs > 0 && !repair().underway && instance.redis.state === 'ready',
      () => 'the repair after the reconnection',
    );
    const count = 10;
    for (let data = 0; data < count; data++) {
      const channel = cluster.channel('all');
      await admin.publish(channel, envelopeOf(data, channel, secret));
    }
    await client.waitFor('x', count);
    await cluster.settled(client);
    return {
      data: client.data('x'),
      gaps: instance.counts['event.gap'] ?? 0,
      repairs: repair().repairs,
    };
  }

  it('arrive in order, each once', async () => {
    const { data } = await afterReconnection();
    expect(data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  // They make the instance ask who sent them, hold them back meanwhile, and report each sender as a gap.
  it('cause neither a repair nor a gap', async () => {
    const { gaps, repairs } = await afterReconnection();
    expect({ gaps, repairs }).toEqual({ gaps: 0, repairs: 1 });
  });
});
