import * as fc from 'fast-check';

const { PRESENCE_SEED, PRESENCE_PATH, PRESENCE_RUNS, PRESENCE_SHRINKS, THOROUGH_MODELS } =
  process.env;
/** The fixed seed of a usual run, so that the result changes only with the code. */
const USUAL_SEED = 20_261_122;

export interface HowMuch {
  /** How many histories `npm test` plays in sequence, unless PRESENCE_RUNS is set. */
  readonly quick: number;
  /** How many histories `npm run test:models` plays. */
  readonly thorough: number;
  /** How many histories are played concurrently, each with its own seed. */
  readonly lanes?: number;
}

/**
 * Plays random histories. A failure names the seed and the path that replay it: set PRESENCE_SEED and PRESENCE_PATH
 * in the environment. The timing within a history depends on the machine, so a replay may need several attempts. To
 * search for new failures: PRESENCE_SEED=random PRESENCE_RUNS=500. To shrink a failing history:
 * PRESENCE_SHRINKS=30, the number of failures allowed on the way.
 *
 * @param play rejects if a rule does not hold
 * @returns the number of histories played
 */
export async function playHistories<History>(
  histories: fc.Arbitrary<History>,
  { quick, thorough, lanes = 1 }: HowMuch,
  play: (history: History) => Promise<void>,
): Promise<number> {
  const seed =
    PRESENCE_SEED === 'random'
      ? Math.floor(Math.random() * 2 ** 31)
      : (numberFrom(PRESENCE_SEED) ?? USUAL_SEED);
  if (seed !== USUAL_SEED) process.stderr.write(`PRESENCE_SEED=${seed}\n`);
  const again = PRESENCE_PATH === undefined ? {} : { path: PRESENCE_PATH };
  const runs = THOROUGH_MODELS === undefined ? quick : thorough;
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
  const shrinks = numberFrom(PRESENCE_SHRINKS) ?? 0;
  const failures: unknown[] = [];
  const property = fc.asyncProperty(histories, async (history) => {
    if (failures.length > shrinks) return;
    try {
      await play(history);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  });
  const { failed, seed, numRuns, counterexamplePath, counterexample } = await fc.check(property, {
    ...parameters,
    endOnFailure: shrinks === 0,
  });
  if (!failed) return numRuns;
  const path = String(counterexamplePath);
  throw new Error(
    [
      `Play it again with PRESENCE_SEED=${seed} PRESENCE_PATH=${path}`,
      `The history that failed: ${fc.stringify(counterexample)}`,
      String(failures.at(-1)),
      ...(failures.length === 1
        ? []
        : // It may have failed for a different reason than the shorter ones.
          [
            `The first one that failed (PRESENCE_PATH=${path.split(':', 1).join()}):`,
            String(failures[0]),
          ]),
    ].join('\n'),
  );
}

function numberFrom(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
