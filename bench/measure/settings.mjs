// @ts-check
import { Setting } from './setting.mjs';

/**
 * Starts this many instances of each contestant, and ends them in any case.
 *
 * @param {import('../scenarios/all.mjs').Bench} bench
 * @param {import('../contestants/contestant.mjs').Entry[]} entries
 * @param {number} instances
 * @param {(settings: Setting[]) => Promise<void>} work
 * @param {{ env?: NodeJS.ProcessEnv, execArgv?: string[] }} [more]
 */
export async function withSettings(bench, entries, instances, work, more) {
  const settings = entries.map((entry) => new Setting(entry, bench, more));
  try {
    await Promise.all(settings.map((setting) => setting.grow(instances)));
    await work(settings);
    await Promise.all(settings.map((setting) => setting.verify()));
  } finally {
    await Promise.all(settings.map((setting) => setting.close()));
  }
}
