// @ts-check
import { figure, spread } from './figures.mjs';

/** From this load on other programs affect the figures. */
const BUSY = 0.5;

/**
 * docs/benchmarks.md.
 *
 * @param {import('./kept.mjs').Kept[]} all
 * @param {'full' | 'quick'} size
 */
export function asMarkdown(all, size) {
  const machine = all.at(-1)?.machine;
  if (machine === undefined) return '# Benchmarks\n\nNothing was measured yet.\n';
  return (
    [
      '# Benchmarks',
      '<!-- Written by `npm run bench`. Do not edit: change bench/ and run it again. -->',
      ...warnings(all, size),
      'The cost of this library, compared with other solutions for the same task and with a floor that no solution can beat: a bare ' +
        'ioredis publish and subscription with bare `ws` frame writes. `npm run bench` writes this page; ' +
        '[bench/README.md](../bench/README.md) describes the method and the contestants.',
      'Figures are medians of the rounds, with the quartiles in brackets (half of the rounds are between them). All contestants do the same ' +
        'work in turns, with the same Redis, clients and payloads, and every event is counted: all arrive, none twice, except while connections are cut. ' +
        'CPU time is what the operating system accounts to the instances and to Redis. ' +
        'A ratio compares two consecutive rounds: less than 1 means that this library needs less.',
      ...aims(all),
      ...all.flatMap(section),
      ...about(machine),
    ].join('\n\n') + '\n'
  );
}

/** @param {import('./kept.mjs').Kept[]} all @param {'full' | 'quick'} size */
function warnings(all, size) {
  const lines = [];
  const load = Math.max(...all.map(({ machine }) => machine.load));
  if (size !== 'full')
    lines.push('> A short run (`--quick`) made these figures, to show what they will look like.');
  if (load > BUSY) {
    lines.push(
      `> The machine was busy with other work (a load of ${figure(load)}). Wall times and latencies prove nothing; ` +
        'take the ratios with care.',
    );
  }
  return lines.length === 0 ? [] : ['> [!WARNING]\n' + lines.join('\n')];
}

/** @param {import('./kept.mjs').Kept[]} all */
function aims(all) {
  const rows = all.flatMap(({ table }) =>
    table.ratios
      .filter(({ aim }) => aim !== undefined)
      .map(({ case: name, what, value, aim = 0, met = false }, i) => [
        i === 0 ? `[${table.name}](#${anchor(table.title)})` : '',
        name,
        what,
        spread(value),
        `at most ${figure(aim)}`,
        met ? 'yes' : '**no**',
      ]),
  );
  const heads = ['Scenario', 'Case', 'Measure', 'Found', 'Aim', 'Met'];
  return rows.length === 0 ? [] : ['## Aims', tableOf(heads, rows)];
}

/** @param {import('./kept.mjs').Kept} kept */
function section({ table }) {
  const { name, title, unit, note, rows, ratios } = table;
  const more = [...new Set(rows.flatMap(({ parts = {} }) => Object.keys(parts)))];
  const figures = rows.map(({ case: of, contestant, value, parts = {} }) =>
    [of, strong(contestant), spread(value)].concat(more.map((head) => cell(parts[head]))),
  );
  const compared = ratios.map(({ case: of, what, value }) => [of, what, spread(value)]);
  return [
    `## ${title}`,
    `${capital(unit)}. ${note}`,
    `![${title}: ${unit}, as a chart](benchmarks/${name}.svg)`,
    tableOf(['Case', 'Contestant', capital(unit), ...more.map(capital)], figures),
    ...(compared.length === 0 ? [] : [tableOf(['Case', 'Compared', 'Figure'], compared)]),
  ];
}

/** @param {import('./machine.mjs').Machine} machine */
function about({ date, cpu, cores, memoryGiB, os, node, redis, commit, packages }) {
  const rows = [
    ['Date', date],
    ['Commit', commit],
    ['Processor', `${cpu}, ${cores} cores`],
    ['Memory', `${memoryGiB} GiB`],
    ['System', os],
    ['Node', node],
    ['Redis', redis],
    ...Object.entries(packages).map(([name, version]) => [`\`${name}\``, version]),
  ];
  return ['## The machine', tableOf(['What', 'Which'], rows)];
}

/**
 * Columns as wide as their widest cell, like Prettier's.
 *
 * @param {string[]} heads
 * @param {string[][]} rows
 */
function tableOf(heads, rows) {
  const widths = heads.map((head, i) =>
    Math.max(3, head.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(heads), rule, ...rows.map(line)].join('\n');
}

/** The anchor that GitHub makes. @param {string} title */
function anchor(title) {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** @param {number | string | undefined} value */
function cell(value) {
  if (value === undefined) return '';
  return typeof value === 'number' ? figure(value) : value;
}

/** @param {string} words */
function capital(words) {
  return words.startsWith('p') && /\d/.test(words[1] ?? '')
    ? words
    : (words[0] ?? '').toUpperCase() + words.slice(1);
}

/** @param {import('../measure/table.mjs').Who} who */
function strong({ kind, label }) {
  return kind === 'library' ? `**${label}**` : label;
}
