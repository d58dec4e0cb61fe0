// @ts-check
import { figure, spread } from './figures.mjs';

/**
 * A table for the terminal.
 *
 * @param {import('../measure/table.mjs').Table} table
 */
export function asText(table) {
  const { title, unit, rows, ratios } = table;
  const heads = [...new Set(rows.flatMap(({ parts = {} }) => Object.keys(parts)))];
  const lines = [`${title}: ${unit}`];
  lines.push(line(['', '', 'median', 'low', 'high', ...heads]));
  for (const { case: name, contestant, value, parts = {} } of rows) {
    const more = heads.map((head) => cell(parts[head]));
    const { median, low, high } = value;
    lines.push(line([name, contestant.label, figure(median), figure(low), figure(high), ...more]));
  }
  for (const { case: name, what, value, aim, met } of ratios) {
    const judged = aim === undefined ? '' : `  aim ${figure(aim)}: ${met ? 'met' : 'NOT met'}`;
    lines.push(`${name.padEnd(24)}${what.padEnd(48)}${spread(value)}${judged}`);
  }
  return `${lines.join('\n')}\n`;
}

/** @param {string[]} cells */
function line([first = '', second = '', ...figures]) {
  return first.padEnd(24) + second.padEnd(34) + figures.map((one) => one.padStart(12)).join('');
}

/** @param {number | string | undefined} value */
function cell(value) {
  if (value === undefined) return '';
  return typeof value === 'number' ? figure(value) : value;
}
