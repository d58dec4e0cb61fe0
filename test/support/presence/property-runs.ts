import * as fc from 'fast-check';

/** How to play again what failed, and how much to play. See docs/testing.md. */
const { PRESENCE_SEED, PRESENCE_PATH, PRESENCE_RUNS } = process.env;
/** After a failure, as much is played again to find a shorter history that fails. Each takes its time. */
const SHRINKS = 30;

/**
 * Plays histories against a property, and fails with one that does not hold, and with what it takes to play it again.
 *
 * @param play rejects where the property does not hold
 */
export async function playHistories<History>(
  arbitrary: fc.Arbitrary<History>,
  usualRuns: number,
  play: (history: History) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const property = fc.asyncProperty(arbitrary, async (history) => {
    if (failures.length > SHRINKS) return;
    try {
      await play(history);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  });
  const seed = numberFrom(PRESENCE_SEED) ?? Math.floor(Math.random() * 2 ** 31);
  const numRuns = numberFrom(PRESENCE_RUNS) ?? usualRuns;
  const details = await fc.check(property, {
    seed,
    numRuns,
    ...(PRESENCE_PATH === undefined ? {} : { path: PRESENCE_PATH }),
  });
  if (!details.failed) return;
  const { counterexamplePath, counterexample } = details;
  throw new Error(
    [
      `Play it again with PRESENCE_SEED=${details.seed} PRESENCE_PATH=${String(counterexamplePath)}`,
      `The shortest history that failed: ${String(counterexample)}`,
      String(failures.at(-1)),
      // It may have failed of something else than the shorter ones.
      `The first one (PRESENCE_PATH=${String(counterexamplePath).split(':', 1).join()}):`,
      String(failures[0]),
    ].join('\n'),
  );
}

function numberFrom(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
