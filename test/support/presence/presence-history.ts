import { bucketOf } from '../../../src/presence/store/presence-buckets.js';
import type { PresenceFacts, Report } from './presence-facts.js';

type Line = readonly [at: number, what: string];

export function show({ type, user, at, instance }: Report): string {
  return `${type} ${user} at ${at} by ${instance}`;
}

/** The history of a user and of the instances involved, in order, for failure messages. */
export function history(facts: PresenceFacts, user: string): string[] {
  const spans = facts.spans.filter((span) => span.user === user);
  const lines: Line[] = [];
  for (const { instance, from, to } of spans) {
    lines.push([from, `socket on ${instance}`], [to, `socket on ${instance} gone`]);
  }
  for (const report of facts.reports.filter((each) => each.user === user)) {
    lines.push([report.at, `REPORT ${show(report)}, heard at ${report.heardAt}`]);
  }
  for (const { at, until } of facts.losses) {
    lines.push([at, 'Redis lost its data'], [until, 'all reach Redis again']);
  }
  for (const { at, text, bucket = bucketOf(user) } of facts.notes) {
    if (bucket === bucketOf(user)) lines.push([at, text]);
  }
  for (const instance of new Set(spans.map((span) => span.instance))) {
    for (const { from, to } of facts.troublesOf(instance)) {
      lines.push([from, `trouble of ${instance}`], [to, `trouble of ${instance} over`]);
    }
    const end = facts.endOf(instance);
    if (end !== undefined)
      lines.push([end.at, `${instance} ${end.crashed ? 'crashed' : 'closed'}`]);
  }
  return inShort(lines.toSorted(([a], [b]) => a - b));
}

/** Merges repeated lines, such as the heartbeats of an instance that is cut off. */
function inShort(lines: readonly Line[]): string[] {
  const shown: { line: Line; times: number }[] = [];
  for (const line of lines) {
    const last = shown.at(-1);
    if (last?.line[1] === line[1]) last.times++;
    else shown.push({ line, times: 1 });
  }
  return shown.map(
    ({ line: [at, what], times }) => `    ${at} ${what}${times > 1 ? ` (${times} times)` : ''}`,
  );
}
