// @ts-check
import { figure } from './figures.mjs';
import { line, round, svg, text } from './svg.mjs';

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 60;
const RIGHT = 190;
const TOP = 40;
const BOTTOM = 40;
const APART = 15;

/**
 * A line for each contestant, with its name at the end.
 *
 * @param {import('../measure/table.mjs').Table} table
 * @param {NonNullable<import('../measure/table.mjs').Table['curve']>} curve
 */
export function lineChart({ title, unit }, { x, points }) {
  const steps = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const most = Math.max(...points.map((point) => point.y)) * 1.05;
  const widest = steps.at(-1) ?? 1;
  const atX = (/** @type {number} */ value) => LEFT + (value / widest) * (WIDTH - LEFT - RIGHT);
  const atY = (/** @type {number} */ value) =>
    HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM);
  const parts = [text(0, 14, unit, { class: 'faint' })];
  for (let i = 0; i <= 4; i++) {
    const value = (most / 4) * i;
    const y = atY(value);
    parts.push(
      line(LEFT, y, WIDTH - RIGHT, y, 'grid'),
      text(LEFT - 8, y + 4, figure(value), { end: true, class: 'faint' }),
    );
  }
  for (const step of steps) {
    parts.push(
      text(atX(step) + 4, HEIGHT - BOTTOM + 18, String(step), { end: true, class: 'faint' }),
    );
  }
  parts.push(text(LEFT, HEIGHT - 6, x, { class: 'faint' }));

  const ends = [];
  for (const label of new Set(points.map(({ who }) => who.label))) {
    const own = points.filter(({ who }) => who.label === label).sort((a, b) => a.x - b.x);
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined) continue;
    const path = own.map((point) => `${round(atX(point.x))} ${round(atY(point.y))}`).join(' L ');
    parts.push(`<path d="M ${path}" class="${first.who.kind}"/>`);
    ends.push({ label, kind: first.who.kind, y: atY(last.y), value: last.y });
  }
  ends.sort((a, b) => b.y - a.y);
  let below = HEIGHT;
  for (const { label, kind, y, value } of ends) {
    below = Math.min(y, below - APART);
    const named = kind === 'library' ? 'strong' : '';
    parts.push(text(WIDTH - RIGHT + 8, below + 4, `${label} ${figure(value)}`, { class: named }));
  }
  return svg(WIDTH, HEIGHT, `${title}: ${unit}`, parts);
}
