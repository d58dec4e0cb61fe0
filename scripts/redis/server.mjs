// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedisServer } from './binary.mjs';
import { onPath } from './on-path.mjs';
import { answersPing, freePort } from './probe.mjs';

const host = '127.0.0.1';

/** Clean-up of all running servers, in one listener. */
const clearUps = /** @type {Set<() => void>} */ (new Set());
process.once('exit', () => {
  for (const clearUp of clearUps) clearUp();
});

/**
 * @typedef {object} RedisOptions
 * @property {number} [port] default: a free one
 * @property {string[] | ((port: number, dir: string) => string[])} [args] more arguments for redis-server; they
 * override those that every server gets
 * @property {string} [config] content of the config file, which Sentinel requires
 * @property {string} [bin] path of redis-server; default: the one that `findRedisServer` finds
 * @property {(port: number) => import('node:net').Socket} [connect] opens the connection that checks whether the
 * server is ready; TLS needs its own
 * @property {number} [readyTimeoutMs] default 10,000
 */

/**
 * @typedef {object} RunningRedis
 * @property {string} url
 * @property {string} host
 * @property {number} port
 * @property {string} dir its working directory: data, config, `redis.log`
 * @property {number | undefined} pid of the running process, for signals
 * @property {() => Promise<void>} stop ends it and removes its files
 * @property {() => Promise<void>} kill kills it like a crash; `restart` may follow
 * @property {() => Promise<void>} restart starts it again on the same port, with the same files
 */

/**
 * Starts a redis-server on the loopback interface, without persistence, and waits until it replies. It ends with
 * this process if `stop` is never called.
 *
 * @param {RedisOptions} [options]
 * @returns {Promise<RunningRedis>}
 */
export async function startRedis(options = {}) {
  const port = options.port ?? (await freePort());
  const bin = options.bin ?? (await findRedisServer()).server;
  const dir = await mkdtemp(join(tmpdir(), 'redis-'));
  const command = await commandLine(bin, port, dir, options);
  const connect = options.connect ?? (() => tcpConnect(port, host));

  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;

  const launch = async () => {
    child = spawnLogged(command, dir);
    if (await isReady(child, () => connect(port), options.readyTimeoutMs ?? 10_000)) return;
    await end('SIGKILL');
    const log = await readFile(join(dir, 'redis.log'), 'utf8');
    throw new Error(`redis-server did not start. It was run as:\n${command.join(' ')}\n${log}`);
  };

  /** @param {NodeJS.Signals} signal */
  const end = async (signal) => {
    const ending = child;
    child = undefined;
    if (!ending || hasEnded(ending)) return;
    const exited = once(ending, 'exit');
    ending.ref();
    ending.kill(signal);
    ending.kill('SIGCONT'); // a server frozen by a test does not receive SIGTERM
    const impatience = setTimeout(() => ending.kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(impatience);
  };

  const clearUp = () => {
    child?.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  clearUps.add(clearUp);

  const stop = async () => {
    await end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
    clearUps.delete(clearUp);
  };

  try {
    await launch();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `redis://${host}:${port}`,
    host,
    port,
    dir,
    get pid() {
      return child?.pid;
    },
    stop,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await launch();
    },
  };
}

/**
 * @param {string} bin
 * @param {number} port
 * @param {string} dir
 * @param {RedisOptions} options
 */
async function commandLine(bin, port, dir, { args = [], config }) {
  const own = typeof args === 'function' ? args(port, dir) : args;
  const file = join(dir, 'redis.conf');
  if (config !== undefined) await writeFile(file, config);
  // Sentinel has no persistence and refuses these options.
  const inMemory = own.includes('--sentinel') ? [] : ['--save', '', '--appendonly', 'no'];
  // 'exit' handlers do not run in a process that is killed, nor inside Jest's sandbox. The kernel can still end the
  // server together with its parent.
  const setpriv = await onPath('setpriv');
  const guard = setpriv ? [setpriv, '--pdeathsig', 'KILL'] : [];
  const conf = config === undefined ? [] : [file];
  const base = ['--port', String(port), '--bind', host, '--dir', dir];
  return [...guard, bin, ...conf, ...base, ...inMemory, ...own];
}

/**
 * @param {string[]} command
 * @param {string} dir
 */
function spawnLogged([file = '', ...args], dir) {
  const log = openSync(join(dir, 'redis.log'), 'a');
  const child = spawn(file, args, { cwd: dir, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref(); // a forgotten server must not keep its parent alive
  return child;
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => import('node:net').Socket} connect
 * @param {number} timeoutMs
 */
async function isReady(child, connect, timeoutMs) {
  const end = Date.now() + timeoutMs;
  while (!hasEnded(child) && Date.now() < end) {
    if (await answersPing(connect)) return !hasEnded(child);
    await sleep(20);
  }
  return false;
}

/** @param {import('node:child_process').ChildProcess} child */
function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}
