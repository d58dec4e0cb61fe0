import { describe, expect, it } from '@jest/globals';
import { median, ratios, summary } from '../../bench/measure/statistics.mjs';
import { addCase, tableOf } from '../../bench/measure/table.mjs';

const measured = (id: string, kind: string, values: number[]) => ({
  entry: { id, kind, label: id },
  values,
});

describe('the statistics of the benches', () => {
  it('use the middle round, or the mean of the two in the middle', () => {
    expect(median([30, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 30])).toBe(3);
  });

  it('give the middle half of the rounds', () => {
    expect(summary([50, 10, 30, 20, 40])).toEqual({ median: 30, low: 20, high: 40 });
    expect(summary([1, 2, 3, 4])).toEqual({ median: 2.5, low: 1.75, high: 3.25 });
    expect(summary([7])).toEqual({ median: 7, low: 7, high: 7 });
  });

  it('compare consecutive rounds', () => {
    expect(ratios([10, 200, 30], [10, 100, 60])).toEqual({ median: 1, low: 0.75, high: 1.5 });
  });

  it('judge the aims by the first floor and by the best peer of the case', () => {
    const table = tableOf('name', 'title', 'unit', 'note');
    const all = [
      measured('floor', 'floor', [10, 10]),
      measured('library', 'library', [12, 12]),
      measured('slow', 'peer', [30, 30]),
      measured('fast', 'peer', [20, 20]),
      measured('other way', 'variant', [1, 1]),
    ];
    addCase(table, 'case', all, { floor: 1.25, bestPeer: 0.5 });
    expect(table.rows.map(({ contestant }) => contestant.id)).toEqual([
      'floor',
      'library',
      'slow',
      'fast',
      'other way',
    ]);
    expect(table.ratios).toMatchObject([
      { what: 'library / floor', aim: 1.25, met: true, value: { median: 1.2 } },
      { what: 'library / slow', value: { median: 0.4 } },
      { what: 'library / fast (best peer)', aim: 0.5, met: false, value: { median: 0.6 } },
    ]);
    expect(table.ratios[1]).not.toHaveProperty('aim');
  });
});
