// @ts-check
import { Redis } from 'ioredis';
import { startRedis } from '../server.mjs';
import { eventually } from './eventually.mjs';
import { quietPort } from './ports.mjs';

export const MASTER_NAME = 'mymaster';

/**
 * @typedef {import('../server.mjs').RunningRedis} RunningRedis
 *
 * @typedef {object} RunningSentinel
 * @property {{ host: string, port: number }[]} sentinels
 * @property {string} name of the master
 * @property {() => Promise<RunningRedis>} master the current master according to Sentinel
 * @property {(from: RunningRedis) => Promise<void>} failedOver waits until every Sentinel names another master
 * @property {() => Promise<void>} healthy waits until a failover could take place
 * @property {() => Promise<void>} failOver starts one, with a master that is running
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a master, its replica, and three Sentinels that watch them, on the loopback interface.
 *
 * @param {{ args?: string[] }} [options] `args` are for the master and its replica
 * @returns {Promise<RunningSentinel>}
 */
export async function startSentinel({ args = [] } = {}) {
  /** @type {RunningRedis[]} */
  const started = [];
  /** @param {import('../server.mjs').RedisOptions} options */
  const start = async (options) => {
    const server = await startRedis({ port: await quietPort(), ...options });
    started.push(server);
    return server;
  };
  const stop = async () => {
    // The Sentinels first; otherwise they would start a failover.
    for (const server of started.toReversed()) await server.stop();
  };
  try {
    const first = await start({ args: ['--repl-diskless-sync-delay', '0', ...args] });
    const replicaOf = ['--replicaof', first.host, String(first.port)];
    const second = await start({
      args: ['--repl-diskless-sync-delay', '0', ...args, ...replicaOf],
    });
    await eventually(() => isReplicaOf(second, first), 'the replica to follow its master');
    const sentinels = await Promise.all(
      [1, 2, 3].map(() => start({ args: ['--sentinel'], config: configFor(first) })),
    );
    const master = async () => {
      const port = await masterPort(sentinels);
      const server = [first, second].find((each) => each.port === port);
      if (server === undefined) throw new Error(`Sentinel names a master of others: ${port}`);
      return server;
    };
    const healthy = () =>
      eventually(async () => {
        for (const sentinel of sentinels) if (!(await isReady(sentinel))) return false;
        return true;
      }, 'Sentinels that know one another and the replica');
    await healthy();
    return {
      sentinels: sentinels.map(({ host, port }) => ({ host, port })),
      name: MASTER_NAME,
      master,
      failedOver: (from) =>
        eventually(async () => {
          for (const sentinel of sentinels) {
            if ((await masterPort([sentinel])) === from.port) return false;
          }
          return true;
        }, 'Sentinels that agree on another master'),
      healthy,
      failOver: async () => {
        for (const server of sentinels.slice(0, 1)) {
          await ask(server, (client) => client.call('SENTINEL', 'FAILOVER', MASTER_NAME));
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param {RunningRedis} master */
function configFor({ host, port }) {
  return [
    `sentinel monitor ${MASTER_NAME} ${host} ${port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 3000`,
    `sentinel failover-timeout ${MASTER_NAME} 10000`,
    `sentinel parallel-syncs ${MASTER_NAME} 1`,
    '',
  ].join('\n');
}

/**
 * @template T
 * @param {RunningRedis} server
 * @param {(client: Redis) => Promise<T>} work
 */
async function ask({ host, port }, work) {
  const client = new Redis({ host, port, maxRetriesPerRequest: 0, retryStrategy: null });
  client.on('error', () => {}); // the command is rejected as well
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/**
 * @param {RunningRedis} replica
 * @param {RunningRedis} master
 */
async function isReplicaOf(replica, master) {
  const info = await ask(replica, (client) => client.info('replication'));
  return info.includes(`master_port:${master.port}`) && info.includes('master_link_status:up');
}

/** @param {RunningRedis[]} sentinels */
async function masterPort(sentinels) {
  for (const sentinel of sentinels) {
    const address = await ask(sentinel, (client) =>
      client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME),
    );
    if (Array.isArray(address)) return Number(address[1]);
  }
  return undefined;
}

/** @param {RunningRedis} sentinel */
async function isReady(sentinel) {
  const reply = await ask(sentinel, (client) => client.call('SENTINEL', 'MASTER', MASTER_NAME));
  const words = Array.isArray(reply) ? reply.map(String) : [];
  /** @param {string} name */
  const value = (name) => words[words.indexOf(name) + 1];
  if (value('flags') !== 'master' || value('num-other-sentinels') !== '2') return false;
  const replicas = await ask(sentinel, (client) =>
    client.call('SENTINEL', 'REPLICAS', MASTER_NAME),
  );
  const [replica] = Array.isArray(replicas) ? replicas.map((each) => each.map(String)) : [];
  if (replica === undefined) return false;
  return replica[replica.indexOf('flags') + 1] === 'slave';
}
