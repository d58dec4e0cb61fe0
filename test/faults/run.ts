import { setTimeout as sleep } from 'node:timers/promises';
import { findRedisServer } from '../../scripts/redis/binary.mjs';
import { messageOf } from '../../scripts/thrown.mjs';
import { emptyJudgement, type Judgement } from '../support/delivery-record.mjs';
import { compileAll } from '../support/compiled.mjs';
import { Audience, clock } from './audience.js';
import { Instance, type System } from './instance.js';
import type { Note, Report } from './protocol.js';
import { ReturningAudience, sentBy } from './returning-audience.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import { emptyVerdict, judge, silent, type Verdict } from './verdict.js';

// Sends numbered events under faults, and counts their outcomes: `npm run test:faults`. See docs/guarantees.md.

const HELP = `npm run test:faults -- [--quick] [--only WORDS] [--library] [--notes]

  --quick       fewer rounds, three scenarios at a time, without the comparison
  --only WORDS  the scenarios with these words in their names
  --library     without the comparison
  --notes       what the instances logged`;

const args = process.argv.slice(2);
const flag = (name: string): boolean => args.includes(name);
if (flag('--help')) {
  console.log(HELP);
  process.exit();
}
compileAll();
const quick = flag('--quick');
const only = flag('--only') ? (args[args.indexOf('--only') + 1] ?? '') : '';
const systems: readonly System[] =
  quick || flag('--library') ? ['library'] : ['library', 'socket-io'];

/** The interval between the events of an instance. */
const EVERY_MS = 10;
/** How long events continue after the last fault, and how long waiting events then have to arrive. */
const CALM_MS = 2_000;
const PATIENCE_MS = 60_000;
/** The test ends once nothing has arrived for this long. */
const QUIET_MS = { clean: 1_500, lossy: 12_000 };
/** Beside the clients that stay connected, some lose their connections in turns and come back to any instance. */
const RETURNING = { count: 6, awayMs: 300, everyMs: 500 };

interface Outcome extends Verdict {
  readonly scenario: string;
  readonly system: System;
  readonly seconds: number;
  readonly disconnects: readonly string[];
  /** The judgement of the clients that drop. */
  readonly returned: Judgement;
  readonly reports: readonly Report[];
  /** The error that ended the scenario. */
  readonly error?: unknown;
}

async function run(scenario: Scenario, system: System): Promise<Outcome> {
  const startedAt = Date.now();
  const played = await play(scenario, system).catch((error: unknown) => ({
    ...emptyVerdict(),
    disconnects: [],
    returned: emptyJudgement(),
    reports: [],
    error,
  }));
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  return { ...played, scenario: scenario.name, system, seconds };
}

async function play(scenario: Scenario, system: System) {
  const scene = await scenario.set(quick);
  const instances: Instance[] = [];
  let audience: Audience | undefined;
  let returning: ReturningAudience | undefined;
  try {
    const starting = scene.redis.map(async (redis, sender) => {
      instances[sender] = await Instance.start(system, {
        sender,
        redis,
        clockStops: scene.clocksStop === true,
        options: { recovery: {} },
      });
    });
    const failure = (await Promise.allSettled(starting)).find(
      ({ status }) => status === 'rejected',
    );
    if (failure?.status === 'rejected') throw failure.reason;
    const urls = instances.map(({ url }) => url);
    audience = await Audience.at(urls);
    returning = await ReturningAudience.at(urls, RETURNING);
    // Until rooms are subscribed on all instances.
    await sleep(1_000);
    for (const instance of instances) instance.send(EVERY_MS);
    await sleep(500);
    const keep = returning.loseInTurns(RETURNING.everyMs);
    await scene.play(instances);
    await sleep(CALM_MS);
    keep();
    await returning.back();
    for (const instance of instances) instance.stop();
    const { verdict, reports, returned } = await settledVerdict(audience, returning, instances);
    return { ...verdict, reports, returned, disconnects: audience.disconnects.slice() };
  } finally {
    audience?.close();
    await returning?.close();
    await Promise.all(instances.map((instance) => instance.end()));
    await scene.end();
  }
}

/** Waits until nothing more arrives. */
async function settledVerdict(
  audience: Audience,
  returning: ReturningAudience,
  instances: readonly Instance[],
) {
  const end = Date.now() + PATIENCE_MS;
  let count = -1;
  let since = Date.now();
  for (;;) {
    await sleep(250);
    const reports = await Promise.all(instances.map((instance) => instance.report()));
    if (audience.count + returning.count !== count) {
      count = audience.count + returning.count;
      since = Date.now();
    }
    const verdict = judge(audience, instances, reports);
    const sent = reports.map((report, sender) =>
      sentBy(report, { sender, id: instances[sender]?.id ?? '' }, reports),
    );
    const returned = returning.judge(sent);
    const quietMs = Date.now() - since;
    const waits = reports.some(({ pending }) => pending > 0);
    const isOver =
      !waits && quietMs > (verdict.lost + returned.missed === 0 ? QUIET_MS.clean : QUIET_MS.lossy);
    if (isOver || Date.now() > end) return { verdict, reports, returned };
  }
}

function isBroken(outcome: Outcome): boolean {
  const { system, duplicated, outOfOrder, disconnects, returned, error } = outcome;
  if (error !== undefined) return true;
  const faults = silent(outcome) + duplicated + outOfOrder + disconnects.length;
  const ofReturned = returned.missed + returned.twice + returned.outOfOrder + returned.foreign;
  return system === 'library' && faults + ofReturned > 0;
}

/** Examples of the faults, and the state and the notes of each instance. */
function print(outcome: Outcome, choose: (notes: readonly Note[]) => readonly Note[]): void {
  const { error, examples, disconnects, reports } = outcome;
  if (error !== undefined)
    console.log(`  ${error instanceof Error ? error.stack : messageOf(error)}`);
  for (const { text } of examples) console.log(`  ${text}`);
  for (const disconnect of disconnects.slice(0, 4)) console.log(`  disconnected: ${disconnect}`);
  for (const [index, { notes, gaps, rejected, pending }] of reports.entries()) {
    const some = JSON.stringify(gaps.slice(0, 4));
    console.log(
      `  instance ${index}: ${rejected.length} rejected, ${pending} pending, ${gaps.length} gaps ${some}`,
    );
    for (const { at, text } of choose(notes)) console.log(`    ${clock(at)} ${text.slice(0, 200)}`);
  }
}

/** The notes next to the first example in time, or the last ones. */
function closestNotes({ examples }: Outcome, count: number) {
  const [moment = Infinity] = examples.flatMap(({ at }) => at ?? []);
  return (notes: readonly Note[]): Note[] => {
    if (moment === Infinity) return notes.slice(-count);
    const closest = notes.toSorted((a, b) => Math.abs(a.at - moment) - Math.abs(b.at - moment));
    return closest.slice(0, count).toSorted((a, b) => a.at - b.at);
  };
}

const COLUMNS: readonly (readonly [string, (outcome: Outcome) => unknown])[] = [
  ['Fault', ({ scenario }) => scenario],
  ['With', ({ system }) => (system === 'library' ? 'this library' : '@socket.io/redis-adapter')],
  ['Events', ({ events }) => events],
  ['Deliveries', ({ deliveries }) => deliveries],
  ['Lost', ({ lost }) => lost],
  ['of these rejected', ({ rejected }) => rejected],
  ['of these in a gap', ({ inGaps }) => inGaps],
  ['Twice', ({ duplicated }) => duplicated],
  ['Out of order', ({ outOfOrder }) => outOfOrder],
  ['Clients that drop', told],
];

/** The clients that lose their connections. A new connection may miss events; a recovered one may not. */
function told({ returned }: Outcome): string {
  const { reconnects, recovered, missed, twice, outOfOrder } = returned;
  const faults = `missed ${missed}, twice ${twice}, out of order ${outOfOrder}`;
  return `${recovered} of ${reconnects} recovered, ${faults}`;
}

const row = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;

const outcomes: Outcome[] = [];
const chosen = SCENARIOS.filter(({ name, control }) => name.includes(only) && !(quick && control));
const jobs = chosen.flatMap((scenario) => systems.map((system) => ({ scenario, system })));

/** Runs one job after the other. */
async function work(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { scenario, system } = job;
    const outcome = await run(scenario, system);
    outcomes.push(outcome);
    const { lost, duplicated, outOfOrder, seconds, disconnects } = outcome;
    console.log(
      `${isBroken(outcome) ? 'BROKEN' : 'ok    '} ${scenario.name}, ${system}: ${seconds} s, lost ${lost} ` +
        `(silently ${silent(outcome)}), twice ${duplicated}, out of order ${outOfOrder}, ` +
        `gaps ${outcome.gaps}, clients disconnected ${disconnects.length}, clients that drop: ${told(outcome)}`,
    );
    if (isBroken(outcome) || flag('--notes')) print(outcome, (notes) => notes.slice(0, 60));
  }
}

await Promise.all(Array.from({ length: quick ? 3 : 1 }, work));
const { how } = await findRedisServer();
console.log(
  `\n${new Date().toISOString().slice(0, 10)}, Node ${process.version}, Redis from ${how}\n`,
);
console.log(row(COLUMNS.map(([name]) => name)));
console.log(row(COLUMNS.map(() => '---')));
for (const outcome of outcomes) console.log(row(COLUMNS.map(([, cell]) => cell(outcome))));
const broken = outcomes.filter(isBroken);
// Again at the end of the log, where CI shows it.
for (const outcome of broken) {
  console.log(`\nBROKEN ${outcome.scenario}, ${outcome.system}`);
  print(outcome, closestNotes(outcome, 8));
}
process.exit(broken.length > 0 ? 1 : 0);
