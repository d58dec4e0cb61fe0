import { readFileSync } from 'node:fs';
import { metrics } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { METRICS } from '../../../src/observability/metrics.js';
import { ObservedMetrics } from '../../support/open-telemetry.js';

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync('docs/grafana/nestjs-redis-propagator.json', 'utf8')) as {
  panels: Panel[];
  templating: { list: { query: string }[] };
};
const page = readFileSync('docs/observability.md', 'utf8');
const names = Object.keys(METRICS) as (keyof typeof METRICS)[];

const UNITS: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/** The series of a metric under the names of the Collector and of Prometheus' own OTLP receiver, with units. */
function withUnits(name: keyof typeof METRICS): string[] {
  const { unit, kind } = METRICS[name];
  const base = name.replaceAll('.', '_') + (UNITS[unit] ?? '');
  if (kind === 'counter') return [`${base}_total`];
  return kind === 'histogram' ? [`${base}_bucket`] : [base];
}

/** The metric names and name patterns in a query. */
function asked(expr: string): RegExp[] {
  const byName = [...expr.matchAll(/\b(propagator_\w+)\{/g)].map(([, name = '']) => name);
  const byPattern = [...expr.matchAll(/__name__=~"([^"]+)"/g)].map(([, pattern = '']) => pattern);
  return [...byName, ...byPattern].map((pattern) => new RegExp(`^${pattern}$`));
}

describe('the Grafana dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ title, expr, patterns: asked(expr) })),
  );
  /** The names of all series under the names of the JavaScript SDK's exporter, without units. */
  let exported: string[];

  beforeAll(async () => {
    const observed = new ObservedMetrics();
    const meter = metrics.getMeter('test');
    for (const [name, { kind, unit }] of Object.entries(METRICS)) {
      if (kind === 'counter') meter.createCounter(name, { unit }).add(1);
      if (kind === 'gauge') meter.createGauge(name, { unit }).record(1);
      if (kind === 'histogram') meter.createHistogram(name, { unit }).record(1);
    }
    const text = await observed.prometheus();
    exported = [...text.matchAll(/^(propagator_\w+)[{ ]/gm)].map(([, name = '']) => name);
    await observed.close();
  });
  afterAll(() => metrics.disable());

  it('has queries, and each query uses a metric', () => {
    expect(queries.length).toBeGreaterThan(10);
    expect(queries.filter(({ patterns }) => patterns.length === 0)).toEqual([]);
  });

  it('uses only metrics that the SDK’s Prometheus exporter has', () => {
    const vain = queries.filter(({ patterns }) =>
      patterns.some((pattern) => !exported.some((name) => pattern.test(name))),
    );
    expect(vain).toEqual([]);
  });

  it('uses only metrics that the Collector has', () => {
    const all = names.flatMap(withUnits);
    const vain = queries.filter(({ patterns }) =>
      patterns.some((pattern) => !all.some((name) => pattern.test(name))),
    );
    expect(vain).toEqual([]);
  });

  it('shows every metric', () => {
    const patterns = queries.flatMap((query) => query.patterns);
    const unseen = names.filter(
      (name) => !withUnits(name).some((series) => patterns.some((each) => each.test(series))),
    );
    expect(unseen).toEqual([]);
  });

  it('groups by attributes that exist, and finds the jobs', () => {
    const groups = queries.flatMap(({ expr }) =>
      [...expr.matchAll(/by \(([\w, ]+)\)/g)].flatMap(([, list = '']) => list.split(/, ?/)),
    );
    expect([...new Set(groups)].sort()).toEqual([
      'le',
      'propagator_reason',
      'propagator_result',
      'propagator_target',
    ]);
    const [, jobs] = dashboard.templating.list;
    expect(jobs?.query).toBe('label_values(propagator_ready, job)');
  });
});

describe('docs/observability.md', () => {
  it('lists every metric with its kind and unit, and no other', () => {
    const rows = [...page.matchAll(/^\| `(propagator\.[\w.]+)` +\| (\w+) +\| `([^`]+)` +\|/gm)];
    expect(rows.map(([, name, kind, unit]) => [name, kind, unit])).toEqual(
      Object.entries(METRICS).map(([name, { kind, unit }]) => [name, kind, unit]),
    );
  });
});
