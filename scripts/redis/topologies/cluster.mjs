// @ts-check
import { Redis } from 'ioredis';
import { startRedis } from '../server.mjs';
import { eventually } from './eventually.mjs';
import { BUS, quietPort } from './ports.mjs';

const SLOTS = 16_384;
const MASTERS = 3;

const OWN_ARGS = [
  '--cluster-enabled yes --cluster-config-file nodes.conf --repl-diskless-sync-delay 0',
  // CLUSTER SLOTS leaves out a replica that has not heard from its master, which has nothing else to send.
  '--repl-ping-replica-period 1',
  // A replica is promoted however long its link was down, because tests kill masters right after the start.
  '--cluster-replica-validity-factor 0',
].flatMap((words) => words.split(' '));

/**
 * @typedef {import('../server.mjs').RunningRedis} RunningRedis
 *
 * @typedef {object} ClusterNode
 * @property {RunningRedis} server
 * @property {Redis} admin a connection for commands to this node
 * @property {string} id
 * @property {number} busPort the announced one
 */

/**
 * @typedef {object} RunningCluster
 * @property {{ host: string, port: number }[]} nodes
 * @property {ClusterNode[]} members all nodes, the first masters first
 * @property {(slot: number) => Promise<ClusterNode>} masterOf the node that has the slot now
 * @property {(slot: number, from: ClusterNode, asked?: readonly ClusterNode[]) => Promise<void>} failedOver waits until
 * every node that runs, or each of some, names another master of the slot
 * @property {(command: string, ...args: string[]) => Promise<void>} everywhere runs a command on each node
 * @property {() => Promise<void>} healthy waits until every node agrees that all slots are served, by masters that
 * have their replicas
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a Redis Cluster of 3 masters, with one replica each or none, on the loopback.
 *
 * @param {{ replicas?: boolean, args?: string[], config?: string, bin?: string, nodeTimeoutMs?: number, busPortOf?: (busPort: number) => Promise<number> }} [options]
 *   `args` and `config` are for every server; `busPortOf` returns the bus port that a server announces, such as that of a
 *   proxy
 * @returns {Promise<RunningCluster>}
 */
export async function startCluster(options = {}) {
  const { replicas = true, args = [], config, bin, nodeTimeoutMs = 3000 } = options;
  const { busPortOf = async (busPort) => busPort } = options;
  /** @type {ClusterNode[]} */
  const members = [];
  const stop = async () => {
    for (const { admin } of members) admin.disconnect();
    await Promise.all(members.map(({ server }) => server.stop()));
  };
  const start = async () => {
    const port = await quietPort();
    const busPort = await busPortOf(port + BUS);
    const server = await startRedis({
      port,
      ...(bin === undefined ? {} : { bin }),
      ...(config === undefined ? {} : { config }),
      args: [
        ...OWN_ARGS,
        '--cluster-node-timeout',
        String(nodeTimeoutMs),
        '--cluster-announce-bus-port',
        String(busPort),
        ...args,
      ],
    });
    const admin = adminOf(server);
    members.push({ server, admin, id: String(await admin.call('CLUSTER', 'MYID')), busPort });
  };
  try {
    for (let index = 0; index < (replicas ? 2 : 1) * MASTERS; index++) await start();
    await join(members);
  } catch (error) {
    await stop();
    throw error;
  }
  const running = () => members.filter(({ server }) => server.pid !== undefined);
  return {
    nodes: members.map(({ server: { host, port } }) => ({ host, port })),
    members,
    masterOf: (slot) => masterOf(running(), slot),
    failedOver: (slot, from, asked) =>
      eventually(async () => {
        for (const member of asked ?? running())
          if ((await masterOf([member], slot, members)) === from) return false;
        return true;
      }, 'another master of the slot'),
    everywhere: async (command, ...rest) => {
      await Promise.all(running().map(({ admin }) => admin.call(command, ...rest)));
    },
    healthy: () => eventually(() => isHealthy(members), 'a healthy cluster'),
    stop,
  };
}

/** @param {RunningRedis} server */
function adminOf({ host, port }) {
  const admin = new Redis({ host, port, maxRetriesPerRequest: 0, retryStrategy: () => 50 });
  admin.on('error', () => {}); // killed servers are expected
  return admin;
}

/**
 * Does the same as `redis-cli --cluster create`, without its pauses.
 *
 * @param {ClusterNode[]} members
 */
async function join(members) {
  for (const [index, { admin }] of members.entries()) {
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    if (index >= MASTERS) continue;
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / MASTERS));
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', Number(from), Number(to) - 1);
  }
  const [first, ...others] = members;
  for (const { server, busPort } of others) {
    await first?.admin.call('CLUSTER', 'MEET', server.host, server.port, busPort);
  }
  await eventually(async () => {
    for (const { admin } of members) {
      const list = String(await admin.call('CLUSTER', 'NODES'));
      if (!members.every(({ id }) => list.includes(id)) || /handshake/.test(list)) return false;
    }
    return true;
  }, 'all nodes to know one another');
  for (const [index, { admin }] of members.slice(MASTERS).entries()) {
    await admin.call('CLUSTER', 'REPLICATE', String(members[index]?.id));
  }
  await eventually(() => isHealthy(members), 'the new cluster');
}

/** @param {ClusterNode[]} members */
async function isHealthy(members) {
  for (const { admin } of members) {
    const info = String(await admin.call('CLUSTER', 'INFO'));
    if (!info.includes('cluster_state:ok')) return false;
    const ranges = /** @type {unknown[][]} */ (await admin.call('CLUSTER', 'SLOTS'));
    // Each range: first slot, last slot, the master, its replica.
    const length = members.length > MASTERS ? 4 : 3;
    if (ranges.length < MASTERS || ranges.some((range) => range.length < length)) return false;
    const replication = await admin.info('replication');
    if (/role:slave/.test(replication) && !/master_link_status:up/.test(replication)) return false;
  }
  return true;
}

/**
 * @param {ClusterNode[]} asked
 * @param {number} slot
 * @param {ClusterNode[]} members
 */
async function masterOf(asked, slot, members = asked) {
  for (const { admin } of asked) {
    const ranges = /** @type {[number, number, [string, number, string]][]} */ (
      await admin.call('CLUSTER', 'SLOTS')
    );
    const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
    const node = members.find(({ id }) => id === master?.[2]);
    if (node !== undefined) return node;
  }
  throw new Error(`no node that runs has the slot ${slot}`);
}
