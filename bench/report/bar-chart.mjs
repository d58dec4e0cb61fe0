// @ts-check
import { figure } from './figures.mjs';
import { line, round, svg, text } from './svg.mjs';

const WIDTH = 760;
const LEFT = 230;
const RIGHT = 90;
const BAR = 14;
const STEP = 20;
const HEAD = 30;

/**
 * Bars of all cases, one below the other. Each case has its own scale, and a thin line shows the range of the
 * rounds.
 *
 * @param {import('../measure/table.mjs').Table} table
 */
export function barChart({ title, unit, rows }) {
  const parts = [text(0, 14, unit, { class: 'faint' })];
  let y = 24;
  for (const name of new Set(rows.map((row) => row.case))) {
    const bars = rows.filter((row) => row.case === name);
    const most = Math.max(...bars.map(({ value }) => value.high), Number.MIN_VALUE);
    const at = (/** @type {number} */ value) =>
      LEFT + (Math.max(0, value) / most) * (WIDTH - LEFT - RIGHT);
    y += HEAD;
    parts.push(text(0, y - 8, name, { class: 'strong' }));
    const top = y;
    for (const { contestant, value } of bars) {
      const middle = y + BAR / 2;
      const width = round(Math.max(1, at(value.median) - LEFT));
      parts.push(
        text(LEFT - 8, middle + 4, contestant.label, {
          end: true,
          class: contestant.kind === 'library' ? 'strong' : '',
        }),
        `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR}" class="${contestant.kind}"/>`,
        line(at(value.low), middle, at(value.high), middle, 'spread'),
        text(at(Math.max(value.median, value.high)) + 8, middle + 4, figure(value.median)),
      );
      y += STEP;
    }
    parts.push(line(LEFT, top - 3, LEFT, y - 3, 'axis'));
  }
  return svg(WIDTH, y + 6, `${title}: ${unit}`, parts);
}
