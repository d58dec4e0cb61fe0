// @ts-check
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../.cache/bench', import.meta.url));

/**
 * @typedef {import('../measure/table.mjs').Table} Table
 * @typedef {{ machine: import('./machine.mjs').Machine, table: Table }} Kept
 */

/**
 * Keeps the results of a scenario, so that one scenario can be run again without the others.
 *
 * @param {string} size
 * @param {import('./machine.mjs').Machine} machine
 * @param {Table[]} tables
 */
export function keep(size, machine, tables) {
  const all = Object.fromEntries(kept(size));
  for (const table of tables) all[table.name] = { machine, table };
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${size}.json`, JSON.stringify(all, null, 2));
}

/**
 * @param {string} size
 * @returns {[name: string, kept: Kept][]}
 */
export function kept(size) {
  try {
    return Object.entries(JSON.parse(readFileSync(`${folder}/${size}.json`, 'utf8')));
  } catch {
    return [];
  }
}
