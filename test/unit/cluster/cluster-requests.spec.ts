import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Channels } from '../../../src/channels/channels.js';
import { ClusterBus } from '../../../src/cluster/cluster-bus.js';
import { ClusterRequests } from '../../../src/cluster/cluster-requests.js';
import { ClusterService } from '../../../src/cluster/cluster.service.js';
import { Membership } from '../../../src/cluster/membership.js';
import { InMemoryBus, InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { Deferred } from '../../support/deferred.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const OPTIONS = {
  prefix: 'app',
  maxMessageBytes: 1024 * 1024,
  heartbeatIntervalMs: 60_000,
  memberTimeoutMs: 120_000,
};

/** Resolves once the messages that were sent before have arrived. */
const passed = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const never = () => new Promise<never>(() => undefined);
const nothing = () => ({ sockets: 0, users: 0, sequence: 0, lanes: [] });

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

async function givenInstance(shared: InMemoryBus, instanceId: string) {
  const pubSub = new InMemoryPubSub(shared);
  const reporter = new Reporter(new MemoryLogger());
  const channels = new Channels(pubSub, reporter);
  const bus = new ClusterBus(instanceId, pubSub, channels, OPTIONS, reporter);
  const membership = new Membership(
    { bus, pubSub, records: undefined, describe: nothing, reporter },
    OPTIONS,
  );
  const cluster = new ClusterService(OPTIONS, membership, reporter);
  const requests = new ClusterRequests(bus, cluster, reporter);
  closing.push(() => {
    requests.close();
    bus.close();
    channels.close();
    return pubSub.close();
  });
  await bus.open();
  return { bus, requests, reporter };
}

describe('requests of other instances', () => {
  it.each([
    ['16,384 of them', 16_400, 16_384, 'x'],
    ['128 MiB of them', 300, 255, 'x'.repeat(512 * 1024)],
  ])(
    'are answered up to %s at a time: more are refused, and counted',
    async (_, sent, taken, data) => {
      const shared = new InMemoryBus();
      const asked = await givenInstance(shared, '000000000000000a');
      const asking = await givenInstance(shared, '000000000000000b');
      const end = new Deferred();
      let begun = 0;
      asked.requests.handle('wait', async () => {
        begun++;
        await end.promise;
      });
      for (let id = 1; id <= sent; id++) {
        const request = { operation: 'wait', params: data, timeoutMs: 600_000 };
        await asking.bus.sendTo('000000000000000a', { type: 'request', id, ...request });
      }
      const refused = () => asked.reporter.counts()['request.too-many'] ?? 0;
      await until(
        () => begun + refused() === sent,
        () => `all requests to arrive: ${begun} and ${refused()}`,
      );
      expect(begun).toBe(taken);
      // Only replies to the named operation are waited for.
      await asked.requests.answered('fetch');
      end.resolve();
      await asked.requests.answered('wait');
      const more = { type: 'request', id: sent + 1, operation: 'wait', params: 1 } as const;
      await asking.bus.sendTo('000000000000000a', { ...more, timeoutMs: 1 });
      await until(
        () => begun === taken + 1,
        () => 'the next one to be answered',
      );
    },
  );

  it('that are refused end at once for the instance that asks, and those that are being answered do not', async () => {
    const shared = new InMemoryBus();
    const asked = await givenInstance(shared, '000000000000000a');
    const asking = await givenInstance(shared, '000000000000000b');
    const other = await givenInstance(shared, '000000000000000c');
    const end = new Deferred();
    asked.requests.handle('answer', () => end.promise.then(() => 'the answer'));
    asked.requests.handle('wait', never);
    const parts: unknown[] = [];
    const ask = () =>
      asking.requests.request({
        operation: 'answer',
        params: undefined,
        timeoutMs: 600_000,
        to: '000000000000000a',
        onPart: (_, part) => parts.push(part),
      });
    const first = ask();
    for (let id = 1; id <= 16_400; id++) {
      const request = { operation: 'wait', params: undefined, timeoutMs: 600_000 };
      await other.bus.sendTo('000000000000000a', { type: 'request', id, ...request });
    }

    expect(await ask()).toMatchObject({ complete: false, missing: ['000000000000000a'] });
    const refused = () => asked.reporter.counts()['request.too-many'] ?? 0;
    const before = refused();
    const again = { operation: 'answer', params: undefined, timeoutMs: 600_000 };
    await asking.bus.sendTo('000000000000000a', { type: 'retry', id: 1, ...again });
    await until(
      () => refused() > before,
      () => 'the second try to arrive',
    );
    const settled = jest.fn();
    void first.then(settled);
    await passed();
    expect(settled).not.toHaveBeenCalled();
    end.resolve();

    expect(await first).toMatchObject({ complete: true });
    expect(parts).toEqual(['the answer']);
  });

  it('that are refused while Redis takes no replies cost no memory: 1,024 of them get one', async () => {
    const shared = new InMemoryBus();
    const asked = await givenInstance(shared, '000000000000000a');
    const asking = await givenInstance(shared, '000000000000000b');
    asked.requests.handle('wait', never);
    const end = new Deferred();
    const replies = jest
      .spyOn(asked.bus, 'sendTo')
      .mockImplementation(() => end.promise.then(() => true));
    const ask = (id: number): Promise<boolean> => {
      const request = { operation: 'wait', params: undefined, timeoutMs: 600_000 };
      return asking.bus.sendTo('000000000000000a', { type: 'request', id, ...request });
    };
    const refused = (count: number): Promise<void> =>
      until(
        () => asked.reporter.counts()['request.too-many'] === count,
        () => `${count} refusals`,
      );
    for (let id = 1; id <= 16_384 + 1_500; id++) await ask(id);
    await refused(1_500);
    expect(replies).toHaveBeenCalledTimes(1_024);
    end.resolve();
    await passed();
    await ask(20_000);
    await refused(1_501);
    expect(replies).toHaveBeenCalledTimes(1_025);
  });
});
