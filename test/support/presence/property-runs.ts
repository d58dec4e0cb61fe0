import * as fc from 'fast-check';

const { PRESENCE_SEED, PRESENCE_PATH, PRESENCE_RUNS } = process.env;
/** After a failure so many histories are played again to find a shorter one that fails. Each takes its time. */
const SHRINKS = 30;

export interface HowMuch {
  /** How many histories are played one after the other, unless PRESENCE_RUNS says otherwise. */
  readonly runs: number;
  /** How many are played at the same time, each with a seed of its own. */
  readonly lanes?: number;
}

/**
 * Plays random histories, and fails with the shortest found that does not hold, and with what it takes to play it again:
 * PRESENCE_SEED and PRESENCE_PATH, in the environment. What happens at which millisecond is left to the machine, so
 * it may take a few times. PRESENCE_RUNS=500 plays longer than usual.
 *
 * @param play rejects where something does not hold
 * @returns how many were played
 */
export async function playHistories<History>(
  histories: fc.Arbitrary<History>,
  { runs, lanes = 1 }: HowMuch,
  play: (history: History) => Promise<void>,
): Promise<number> {
  const seed = numberFrom(PRESENCE_SEED) ?? Math.floor(Math.random() * 2 ** 31);
  process.stderr.write(`histories of presence: PRESENCE_SEED=${seed}\n`);
  const again = PRESENCE_PATH === undefined ? {} : { path: PRESENCE_PATH };
  const numRuns = PRESENCE_PATH === undefined ? (numberFrom(PRESENCE_RUNS) ?? runs) : 1;
  const played = Array.from({ length: PRESENCE_PATH === undefined ? lanes : 1 }, (_, lane) =>
    playOne(histories, { seed: seed + lane, numRuns, ...again }, play),
  );
  return (await Promise.all(played)).reduce((sum, count) => sum + count, 0);
}

async function playOne<History>(
  histories: fc.Arbitrary<History>,
  parameters: fc.Parameters<[History]>,
  play: (history: History) => Promise<void>,
): Promise<number> {
  const failures: unknown[] = [];
  const property = fc.asyncProperty(histories, async (history) => {
    if (failures.length > SHRINKS) return;
    try {
      await play(history);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  });
  const { failed, seed, numRuns, counterexamplePath, counterexample } = await fc.check(
    property,
    parameters,
  );
  if (!failed) return numRuns;
  const path = String(counterexamplePath);
  throw new Error(
    [
      `Play it again with PRESENCE_SEED=${seed} PRESENCE_PATH=${path}`,
      `The shortest history that failed: ${fc.stringify(counterexample)}`,
      String(failures.at(-1)),
      // It may have failed of something else than the shorter ones.
      `The first one that failed (PRESENCE_PATH=${path.split(':', 1).join()}):`,
      String(failures[0]),
    ].join('\n'),
  );
}

function numberFrom(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
