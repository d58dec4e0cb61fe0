// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { barChart } from './bar-chart.mjs';
import { kept } from './kept.mjs';
import { lineChart } from './line-chart.mjs';
import { asMarkdown } from './markdown.mjs';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));

/** In the order of the page. */
const ORDER = [
  'targeted',
  'instances',
  'broadcast',
  'compressed',
  'rooms',
  'latency',
  'connecting',
  'idle',
  'storm',
  'drops',
  'interceptor',
  'binary',
  'signing',
];

/**
 * Writes docs/benchmarks.md and its charts from the latest results of each scenario.
 *
 * @param {'full' | 'quick'} size
 */
export function writePage(size) {
  const all = kept(size)
    .sort(([a], [b]) => place(a) - place(b))
    .map(([, one]) => one);
  mkdirSync(`${docs}/benchmarks`, { recursive: true });
  for (const { table } of all) {
    const chart = table.curve === undefined ? barChart(table) : lineChart(table, table.curve);
    writeFileSync(`${docs}/benchmarks/${table.name}.svg`, chart);
  }
  writeFileSync(`${docs}/benchmarks.md`, asMarkdown(all, size));
  return 'docs/benchmarks.md';
}

/** @param {string} name */
function place(name) {
  return ORDER.indexOf(name);
}
