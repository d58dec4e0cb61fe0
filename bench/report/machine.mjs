// @ts-check
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const PACKAGES = [
  '@nestjs/core',
  '@nestjs/platform-socket.io',
  'socket.io',
  'engine.io',
  'socket.io-adapter',
  'ws',
  'ioredis',
  '@socket.io/redis-adapter',
  '@socket.io/redis-streams-adapter',
  'hdr-histogram-js',
];

/** The context of the figures. @param {string} redisServer path of redis-server */
export function machine(redisServer) {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${distribution()} (${type()} ${release()})`,
    node: process.version,
    redis: /v=(\S+)/.exec(output(redisServer, '--version'))?.[1] ?? 'unknown',
    commit: commit(),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/** @typedef {ReturnType<typeof machine> & { load: number }} Machine */

function commit() {
  const hash = output('git', 'rev-parse', '--short', 'HEAD').trim();
  if (hash === '') return 'unknown';
  return output('git', 'status', '--porcelain', 'src') === '' ? hash : `${hash}, with changes`;
}

function distribution() {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/**
 * The version of a package, from its folder: some packages do not export their package.json.
 *
 * @param {string} name
 */
function versionOf(name) {
  let folder = dirname(require.resolve(name));
  while (folder !== dirname(folder)) {
    try {
      const known = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (known.name === name && known.version !== undefined) return String(known.version);
    } catch {
      // Not in this folder.
    }
    folder = dirname(folder);
  }
  return 'unknown';
}

/** @param {string} command @param {string[]} args */
function output(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
