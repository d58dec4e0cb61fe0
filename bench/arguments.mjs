// @ts-check
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} Choice
 * @property {'full' | 'quick' | 'check'} size
 * @property {boolean} json
 * @property {boolean} write whether docs/benchmarks.md is written
 * @property {string[]} only names of scenarios; empty: all
 */

/** @param {string[]} args @returns {Choice} */
export function chosen(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      against: { type: 'string' },
    },
  });
  const { quick, check, json, write, against } = values;
  if (against !== undefined) process.env.BENCH_AGAINST = resolve(against);
  const short = quick ? 'quick' : 'full';
  const only = values.only.flatMap((names) => names.split(','));
  const whole = !quick && only.length === 0 && against === undefined;
  return {
    size: check ? 'check' : short,
    json,
    only,
    write: !check && against === undefined && (write || whole),
  };
}
