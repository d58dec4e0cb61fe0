import { describe, expect, it } from '@jest/globals';
import { addCase, tableOf, type Table } from '../../bench/measure/table.mjs';
import { chosen } from '../../bench/arguments.mjs';
import { barChart } from '../../bench/report/bar-chart.mjs';
import { lineChart } from '../../bench/report/line-chart.mjs';
import { asMarkdown } from '../../bench/report/markdown.mjs';

const who = (id: string, kind: string) => ({ id, kind, label: `${id} <&>` });

function example(): Table {
  const table = tableOf('targeted', 'An event', 'CPU µs per event', 'Of 100 bytes.');
  addCase(
    table,
    '100 B',
    [
      { entry: who('floor', 'floor'), values: [10, 11, 12] },
      { entry: who('library', 'library'), values: [20, 22, 24], parts: { Redis: 3 } },
      { entry: who('peer', 'peer'), values: [40, 44, 48] },
    ],
    { floor: 1.25, bestPeer: 0.5 },
  );
  return table;
}

const machine = {
  date: '2026-01-02',
  cpu: 'A processor',
  cores: 2,
  memoryGiB: 4,
  os: 'Linux',
  node: 'v20',
  redis: '7',
  commit: 'abc',
  packages: { ws: '8' },
  load: 0,
};

describe('the report of the benches', () => {
  it('has every figure, the aims, and the machine', () => {
    const page = asMarkdown([{ machine, table: example() }], 'full');
    expect(page).toContain('22.0 (21.0 to 23.0)');
    expect(page).toMatch(
      /library <&> \/ floor <&> +\| 2\.00 \(2\.00 to 2\.00\) \| at most 1\.25 \| \*\*no\*\* \|/,
    );
    expect(page).toMatch(/at most 0\.50 \| yes/);
    expect(page).toContain('![An event: CPU µs per event, as a chart](benchmarks/targeted.svg)');
    expect(page).toContain('A processor, 2 cores');
    expect(page).not.toContain('WARNING');
  });

  it('warns about a short run, and about a busy machine', () => {
    const kept = [{ machine: { ...machine, load: 7 }, table: example() }];
    expect(asMarkdown(kept, 'quick')).toContain('A short run');
    expect(asMarkdown(kept, 'full')).toContain('a load of 7.00');
  });

  it('draws bars and lines that are visible in dark mode, and loads nothing', () => {
    const table = example();
    const points = [2, 4].map((x) => ({ x, y: x * 10, who: who('library', 'library') }));
    for (const chart of [barChart(table), lineChart(table, { x: 'instances', points })]) {
      expect(chart).toContain('prefers-color-scheme: dark');
      expect(chart).toContain('library &lt;&amp;&gt;');
      expect(chart).not.toMatch(/NaN|Infinity|href|url\(/);
    }
    expect(barChart(table).match(/<rect/g)).toHaveLength(3);
  });

  it('is written only after a whole run, or on request', () => {
    expect(chosen([])).toEqual({ size: 'full', json: false, only: [], write: true });
    expect(chosen(['--quick']).write).toBe(false);
    expect(chosen(['--only', 'a,b', '--write'])).toMatchObject({ only: ['a', 'b'], write: true });
    expect(chosen(['--check', '--write'])).toMatchObject({ size: 'check', write: false });
  });
});
