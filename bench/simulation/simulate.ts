import type { Verdict } from './ledger.js';
import { VirtualClock } from './virtual-clock.js';
import { World, type Load } from './world.js';

/** All times in virtual ms. */
export interface Figures {
  readonly members: number;
  /** The instances that send events. */
  readonly senders: number;
  readonly load: Load;
  /** The time until each instance knew exactly the others, after all have started within a second. */
  readonly started: number;
  /** The time until each instance knew exactly the others, after a tenth has joined, has ended, has crashed. */
  readonly joined: number;
  readonly ended: number;
  readonly crashed: number;
  /** The time after a cut between a third of the instances and Redis until these are back and have all missed events. */
  readonly healed: number;
  /** The time after as many again, and 400 at most, have joined, 200 a second, while a third was missing events. */
  readonly churned: number;
  /** The time after a restart of Redis without its data, and the commands of an instance in that time. */
  readonly restarted: number;
  readonly restartCommands: number;
  readonly falseLosses: number;
  readonly verdict: Verdict;
  /** Real time, in ms. */
  readonly tookMs: number;
}

export interface Plan {
  readonly members: number;
  /** @default all, and 100 at most */
  readonly senders?: number;
  readonly seed: number;
  /** How long the load is measured. */
  readonly calmMs: number;
  /** Called with each state that is reached, and the time until then. */
  readonly says?: (what: string, ms: number) => void;
}

const CUT_MS = 20_000;
const DOWN_MS = 8_000;
/** A freeze, the time between two beats and a delay are together shorter than `memberTimeoutMs`. */
const FREEZE_MS = 5_000;
const SLOW_MS = 2_000;
/** The pause between two joins: 200 a second. */
const JOIN_EVERY_MS = 5;
const MAX_JOINS = 400;
/** After an outage each instance asks each one that has published meanwhile: where all of very many publish, that is nearly all the work. */
const MAX_SENDERS = 100;

/**
 * The life of a cluster: starts, calm, joins, ends, crashes, freezes and delays, a cut, joins during a repair, a restart of
 * Redis.
 */
export async function simulate({ members, senders, seed, calmMs, says }: Plan): Promise<Figures> {
  const clock = new VirtualClock(seed);
  const restore = clock.install();
  try {
    const senderEach = Math.ceil(members / (senders ?? MAX_SENDERS));
    const figures = await live(new World(clock, { senderEach, says }), members, calmMs);
    return {
      ...figures,
      senders: Math.ceil(members / senderEach),
      tookMs: Math.round(clock.busyMs),
    };
  } finally {
    restore();
  }
}

async function live(
  world: World,
  members: number,
  calmMs: number,
): Promise<Omit<Figures, 'tookMs' | 'senders'>> {
  const part = Math.max(1, Math.round(members / 10));
  const isOne = (): boolean => world.isOne;
  const isBack = (): boolean => world.isOne && world.isWhole;
  world.join(members, 1_000);
  await world.run(1_000);
  const started = await world.until('all have started', isOne);
  // After `memberTimeoutMs` all instances write the newest version, and give up silent members.
  await world.run(20_000);
  const load = await world.measure(calmMs);

  world.join(part, 500);
  await world.run(500);
  const joined = await world.until('a tenth has joined', isBack);
  world.end(world.some(part), 500);
  await world.run(500);
  const ended = await world.until('a tenth has ended', isOne);
  for (const instance of world.some(part)) instance.crash();
  const crashed = await world.until('a tenth has crashed', isOne);

  for (let round = 0; round < 4; round++) {
    await world.hinder(part, { freezeMs: FREEZE_MS, slowMs: SLOW_MS });
  }
  await world.until('nothing is slow any more', isBack);

  const third = world.some(Math.ceil(members / 3));
  world.cut(third, CUT_MS);
  await world.run(CUT_MS);
  const healed = await world.until('the network is back', isBack);

  world.cut(third, CUT_MS / 2);
  await world.run(CUT_MS / 2);
  const joins = Math.min(members, MAX_JOINS);
  const young = world.join(joins, joins * JOIN_EVERY_MS);
  await world.run(joins * JOIN_EVERY_MS);
  const churned = await world.until('many have joined during a repair', isBack);
  world.end(young, joins * JOIN_EVERY_MS);
  await world.run(joins * JOIN_EVERY_MS);
  await world.until('they have ended', isOne);

  world.redis.kill({ losesRecords: true });
  await world.run(DOWN_MS);
  const { commands } = world;
  world.redis.start();
  const restarted = await world.until('Redis is back', isBack);
  const restartCommands = (world.commands - commands) / world.living.length;
  await world.run(10_000);
  world.hush();
  await world.run(20_000);
  const { falseLosses } = world;
  const verdict = world.judge();
  return {
    members,
    load,
    started,
    joined,
    ended,
    crashed,
    healed,
    churned,
    restarted,
    restartCommands,
    falseLosses,
    verdict,
  };
}

/** The load of an instance in any cluster may be at most this multiple of its load in the smallest cluster. */
const FLAT = 1.25;
/** The most bytes of records that an instance reads in a second: 50 records of 130 bytes, with an event a second. */
const MAX_RECORD_BYTES = 50 * 130;
/**
 * The limits of the times until a state is reached, in virtual ms. After a cut the next record of an instance says that it has published
 * nothing: a beat later, and the pauses between two reads grow.
 */
const MAX_MS = {
  started: 3_000,
  joined: 3_000,
  ended: 3_000,
  crashed: 15_000,
  back: 4_000,
  restarted: 2_000,
};
/** Beats, marks and subscriptions of an instance after a restart. Beside them it asks each sender, and each sender answers all. */
const MAX_OTHER_COMMANDS = 40;

/** The figures that are wrong. Times and amounts are virtual, so that a slow machine changes none of them. */
export function problemsOf(all: readonly Figures[]): string[] {
  const [least] = all;
  if (least === undefined) return ['no figures'];
  return all.flatMap((figures) => {
    const { members, load, falseLosses, verdict, started, joined, ended, crashed } = figures;
    const { healed, churned, restarted, restartCommands, senders } = figures;
    const limits: readonly (readonly [string, number, number])[] = [
      ['commands of an instance', load.commands, least.load.commands * FLAT],
      ['messages to an instance', load.messages, least.load.messages * FLAT],
      ['bytes from an instance', load.bytesOut, least.load.bytesOut * FLAT],
      ['bytes to an instance', load.bytesIn, least.load.bytesIn + MAX_RECORD_BYTES],
      ['ms until all know each other', started, MAX_MS.started],
      ['ms until those that joined are known', joined, MAX_MS.joined],
      ['ms until those that ended are gone', ended, MAX_MS.ended],
      ['ms until those that crashed are gone', crashed, MAX_MS.crashed],
      ['ms until all is well after a cut', healed, MAX_MS.back],
      ['ms until all is well after joins in a repair', churned, MAX_MS.back],
      ['ms until all is well after a restart of Redis', restarted, MAX_MS.restarted],
      ['commands of an instance until then', restartCommands, 2 * senders + MAX_OTHER_COMMANDS],
      ['members declared lost that lived', falseLosses, 0],
      ['events lost without a word', verdict.lost, 0],
      ['events refused', verdict.refused, 0],
      ['events twice', verdict.twice, 0],
      ['events out of order', verdict.outOfOrder, 0],
    ];
    return limits.flatMap(([what, figure, limit]) =>
      figure <= limit ? [] : [`${members} members: ${what}: ${figure}, and not at most ${limit}`],
    );
  });
}
