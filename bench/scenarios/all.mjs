// @ts-check
import { binary } from './binary.mjs';
import { broadcast } from './broadcast.mjs';
import { compressed } from './compressed.mjs';
import { connecting } from './connecting.mjs';
import { drops } from './drops.mjs';
import { instances } from './instances.mjs';
import { interceptor } from './interceptor.mjs';
import { latency } from './latency.mjs';
import { rooms } from './rooms.mjs';
import { signing } from './signing.mjs';
import { storm } from './storm.mjs';
import { targeted } from './targeted.mjs';

/**
 * @typedef {object} Bench the environment of a scenario
 * @property {'full' | 'quick' | 'check'} size
 * @property {{ url: string, pid: number }} redis
 * @property {import('ioredis').Redis} admin a connection for the bench itself
 * @property {import('../processes/process-handle.mjs').ProcessHandle} clients
 */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {boolean} [notInQuick] left out of a short run unless it is named
 * @property {(bench: Bench) => Promise<import('../measure/table.mjs').Table[]>} run
 */

/** In the order of the report. @type {Scenario[]} */
export const scenarios = [
  targeted,
  instances,
  broadcast,
  compressed,
  rooms,
  latency,
  connecting,
  storm,
  drops,
  interceptor,
  binary,
  signing,
];
