// @ts-check

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * Interpolates between two values (type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996).
 *
 * @param {readonly number[]} values
 * @param {number} share
 */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const [lower = NaN, upper = lower] = sorted.slice(below, below + 2);
  return lower + (upper - lower) * (position - below);
}

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} low a quarter of the values is below
 * @property {number} high a quarter of the values is above
 */

/**
 * @param {readonly number[]} values
 * @returns {Summary}
 */
export function summary(values) {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * Ratios of neighbouring rounds, so that other load of the machine affects both of a pair.
 *
 * @param {readonly number[]} values
 * @param {readonly number[]} base
 * @returns {Summary}
 */
export function ratios(values, base) {
  return summary(values.map((value, round) => value / (base[round] ?? NaN)));
}
