// @ts-check
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
    },
  });
  const { quick, check, json, write } = values;
  const short = quick ? 'quick' : 'full';
  const only = values.only.flatMap((names) => names.split(','));
  const whole = !quick && only.length === 0;
  return { size: check ? 'check' : short, json, only, write: !check && (write || whole) };
}
