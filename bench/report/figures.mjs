// @ts-check

/** Three significant digits. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** @param {import('../measure/statistics.mjs').Summary} summary */
export function spread({ median, low, high }) {
  return `${figure(median)} (${figure(low)} to ${figure(high)})`;
}
