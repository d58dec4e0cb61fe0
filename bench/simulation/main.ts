import { parseArgs } from 'node:util';
import { problemsOf, simulate, type Figures } from './simulate.js';

// The life of a cluster of many instances, over the real code and on a virtual clock: `npm run bench:simulation`.
// See bench/README.md.

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '10,100,1000' },
    senders: { type: 'string' },
    seed: { type: 'string', default: '1' },
    calm: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const sizes = (values.quick ? '10,100' : values.members).split(',').map(Number);

/** The fewer members, the longer: the CPU time of an event is small. */
function calmMs(members: number): number {
  if (values.calm !== undefined) return 1_000 * Number(values.calm);
  return values.quick ? 30_000 : 60_000 * Math.min(20, Math.max(1, 1_000 / members));
}

const all: Figures[] = [];
for (const members of sizes) {
  const figures = await simulate({
    members,
    ...(values.senders !== undefined && { senders: Number(values.senders) }),
    seed: Number(values.seed),
    calmMs: calmMs(members),
    says: (what, ms) => console.error(`${members} members: ${what}: ${ms} ms`),
  });
  all.push(figures);
  console.log(`${members} members: ${Math.round(figures.tookMs / 1_000)} s`);
}

const row = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;
const rows: readonly (readonly [string, (figures: Figures) => number | string])[] = [
  ['Instances that send an event a second', ({ senders }) => senders],
  ['Commands of an instance, a second', ({ load }) => load.commands.toFixed(2)],
  ['Messages to an instance, a second', ({ load }) => load.messages.toFixed(2)],
  ['Bytes from an instance, a second', ({ load }) => Math.round(load.bytesOut)],
  ['Bytes to an instance, a second', ({ load }) => Math.round(load.bytesIn)],
  ['CPU of an instance, ms a second', ({ load }) => load.cpuMs.toFixed(2)],
  ['All start within a second: known to all after, ms', ({ started }) => started],
  ['A tenth joins, ms', ({ joined }) => joined],
  ['A tenth ends, ms', ({ ended }) => ended],
  ['A tenth crashes, ms', ({ crashed }) => crashed],
  ['During a repair 200 a second join, up to 400: whole after, ms', ({ churned }) => churned],
  ['A third is cut off for 20 s: whole after, ms', ({ healed }) => healed],
  ['Redis is away for 8 s and loses its data: whole after, ms', ({ restarted }) => restarted],
  ['Commands of an instance in that time', ({ restartCommands }) => restartCommands.toFixed(0)],
  ['Members declared lost that lived', ({ falseLosses }) => falseLosses],
  ['Events', ({ verdict }) => verdict.events],
  ['Events lost without a word', ({ verdict }) => verdict.lost],
  ['Events in a gap', ({ verdict }) => verdict.inGaps],
  ['Events twice', ({ verdict }) => verdict.twice],
  ['Events out of order', ({ verdict }) => verdict.outOfOrder],
];
console.log(`\n${row(['Members', ...sizes])}`);
console.log(row(['---', ...sizes.map(() => '---:')]));
for (const [name, cell] of rows) console.log(row([name, ...all.map(cell)]));

const problems = problemsOf(all);
for (const problem of problems) console.log(`WRONG: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
