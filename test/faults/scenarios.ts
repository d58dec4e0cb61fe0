import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../../scripts/redis/server.mjs';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { startSentinel } from '../../scripts/redis/topologies/sentinel.mjs';
import { FaultyProxy } from './faulty-proxy.js';
import type { Instance } from './instance.js';
import type { RedisConfig } from './protocol.js';

/** The servers of a scenario, and its steps. */
export interface Scene {
  /** The Redis address of each instance. */
  readonly redis: readonly RedisConfig[];
  /** Whether the monotonic clock of an instance stands still while the instance is frozen. */
  readonly clocksStop?: boolean;
  /** The faults, in order. */
  play(instances: readonly Instance[]): Promise<void>;
  end(): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  /** Without faults, to check the counting. */
  readonly control?: boolean;
  /** @param quick fewer rounds */
  set(quick: boolean): Promise<Scene>;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'no fault', control: true, set: noFault },
  { name: 'Redis is killed and restarted', set: redisKilled },
  { name: 'subscriber connection killed', set: subscriberKilled },
  { name: 'network cut, hung, slow, garbled', set: badNetwork },
  { name: 'Sentinel fails over', set: sentinelFailover },
  { name: 'two masters at once', set: twoMasters },
  { name: 'Cluster master dies', set: clusterMasterDies },
  { name: 'an instance is frozen for 5 s', set: frozen },
  { name: 'the machine of an instance is suspended', set: suspended },
  { name: 'an instance is cut off for 25 s', set: cutOff },
  { name: 'a master cuts off a frozen instance', set: frozenOnCluster },
];

async function noFault(): Promise<Scene> {
  const redis = await startRedis();
  return {
    redis: all({ url: redis.url }),
    play: () => sleep(1_000),
    end: () => redis.stop(),
  };
}

async function redisKilled(quick: boolean): Promise<Scene> {
  const redis = await startRedis();
  return {
    redis: all({ url: redis.url }),
    play: async () => {
      for (let round = 0; round < (quick ? 3 : 10); round++) {
        await redis.kill();
        await sleep(round * 100);
        await redis.restart();
        await sleep(500 + round * 100);
      }
    },
    end: () => redis.stop(),
  };
}

async function subscriberKilled(quick: boolean): Promise<Scene> {
  const { proxy, url, ...scene } = await behindProxy();
  return {
    ...scene,
    play: async () => {
      const admin = new Redis(url);
      for (let kills = 0; kills < (quick ? 20 : 100); await sleep(30)) {
        const list = String(await admin.client('LIST'));
        const subscribed = list
          .split('\n')
          .filter((line) => / sub=[1-9]/.test(line))
          .map((line) => /\baddr=(\S+)/.exec(line)?.[1] ?? '')
          .filter((address) => proxy.addresses.includes(address));
        for (const address of subscribed) {
          await admin.call('CLIENT', 'KILL', 'ADDR', address);
          kills++;
        }
      }
      admin.disconnect();
    },
  };
}

async function badNetwork(quick: boolean): Promise<Scene> {
  const { proxy, url: _, ...scene } = await behindProxy();
  return {
    ...scene,
    play: async () => {
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        await proxy.cut();
        await sleep(500);
        await proxy.cut(2_000);
        await sleep(500);
        proxy.slow(150);
        await sleep(2_000);
        proxy.slow(0);
        await sleep(500);
        proxy.garble('redis');
        await sleep(500);
        proxy.garble('instance');
        await sleep(500);
        // First shorter than the timeout of a publish, then longer.
        await proxy.hang(2_000);
        await sleep(500);
        await proxy.hang(quick ? 6_000 : 8_000);
        await sleep(1_000);
      }
    },
  };
}

async function sentinelFailover(quick: boolean): Promise<Scene> {
  const sentinel = await startSentinel();
  const { sentinels, name } = sentinel;
  return {
    redis: all({ sentinels, name }),
    play: async () => {
      for (let round = 0; round < (quick ? 1 : 2); round++) {
        const master = await sentinel.master();
        await master.kill();
        // It comes back as a master. A Sentinel that has not heard of the failover would still name it.
        await sentinel.failedOver(master);
        await sleep(2_000);
        await master.restart();
        if (quick) break;
        await sentinel.healthy();
        await sleep(5_000);
        const other = await sentinel.master();
        await sentinel.failOver();
        await sentinel.failedOver(other);
        await sentinel.healthy();
        await sleep(5_000);
      }
    },
    end: () => sentinel.stop(),
  };
}

/**
 * A split: the first instance stays with the old master, which knows nothing of it. The Sentinels, the replica and the other instances
 * cannot reach that master, so the replica becomes a second one. An ACL does what a network would do.
 */
async function twoMasters(quick: boolean): Promise<Scene> {
  const password = 'of-a-test';
  const users = ['near', 'far'];
  const args = users.flatMap((user) => ['--user', user, 'on', `>${password}`, '~*', '&*', '+@all']);
  const sentinel = await startSentinel({ args });
  const { sentinels, name } = sentinel;
  const config = (username: string): RedisConfig => ({ sentinels, name, username, password });
  return {
    redis: [config('near'), config('far'), config('far')],
    play: async () => {
      const old = await sentinel.master();
      const admin = new Redis(old.url, { username: 'near', password });
      const other = ['default', 'far'];
      for (const user of other) {
        await admin.call('ACL', 'SETUSER', user, 'off');
        await admin.call('CLIENT', 'KILL', 'USER', user);
      }
      await sentinel.failedOver(old);
      await sleep(quick ? 10_000 : 25_000);
      for (const user of other) await admin.call('ACL', 'SETUSER', user, 'on');
      admin.disconnect();
      await sentinel.healthy();
      await sleep(5_000);
    },
    end: () => sentinel.stop(),
  };
}

async function clusterMasterDies(quick: boolean): Promise<Scene> {
  const cluster = await startCluster();
  return {
    redis: all({ nodes: cluster.nodes }),
    play: async () => {
      const slots = [0, 6_000, 12_000].slice(0, quick ? 1 : 3);
      for (const slot of slots) {
        const master = await cluster.masterOf(slot);
        await master.server.kill();
        await cluster.failedOver(slot, master);
        await sleep(2_000);
        await master.server.restart();
        await cluster.healthy();
        await sleep(2_000);
      }
    },
    end: () => cluster.stop(),
  };
}

async function frozen(quick: boolean): Promise<Scene> {
  const redis = await startRedis();
  return {
    redis: all({ url: redis.url }),
    play: async (instances) => {
      for (const instance of instances.slice(0, quick ? 1 : 3)) {
        instance.freeze();
        await sleep(5_000);
        instance.thaw();
        await sleep(1_000);
      }
    },
    end: () => redis.stop(),
  };
}

/** Redis closes the connections meanwhile, and for the clock of the instance no time has passed. */
async function suspended(quick: boolean): Promise<Scene> {
  const redis = await startRedis();
  return {
    redis: all({ url: redis.url }),
    clocksStop: true,
    play: async ([instance]) => {
      instance?.freeze();
      const admin = new Redis(redis.url);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      admin.disconnect();
      await sleep(quick ? 20_000 : 40_000);
      instance?.thaw();
      await sleep(5_000);
    },
    end: () => redis.stop(),
  };
}

async function cutOff(quick: boolean): Promise<Scene> {
  const { proxy, url: _, ...scene } = await behindProxy();
  // Events wait in its outbox for 30 s.
  return { ...scene, play: () => proxy.cut(quick ? 10_000 : 25_000) };
}

/** The instance notices only when it runs again, and hears the other masters as if nothing had happened. */
async function frozenOnCluster(quick: boolean): Promise<Scene> {
  const cluster = await startCluster();
  return {
    redis: all({ nodes: cluster.nodes }),
    play: async (instances) => {
      const [instance] = instances;
      const { server } = await cluster.masterOf(0);
      instance?.freeze();
      const admin = new Redis(server.url);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      admin.disconnect();
      await sleep(quick ? 20_000 : 40_000);
      instance?.thaw();
      await sleep(2_000);
    },
    end: () => cluster.stop(),
  };
}

/** One of three instances has a faulty network to Redis. */
async function behindProxy() {
  const redis = await startRedis();
  const proxy = await FaultyProxy.to(redis);
  return {
    proxy,
    redis: [{ url: redis.url }, { url: proxy.url }, { url: redis.url }],
    url: redis.url,
    end: async () => {
      await proxy.close();
      await redis.stop();
    },
  };
}

function all(config: RedisConfig): RedisConfig[] {
  return [config, config, config];
}
