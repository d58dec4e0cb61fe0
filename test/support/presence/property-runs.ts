import fc from 'fast-check';

/** From the environment: a seed and a path to play a failure again, and how many runs to play. */
export function propertyRuns(name: string, usualRuns: number): fc.Parameters<[unknown]> {
  const seed = numberOf('PRESENCE_SEED') ?? Math.floor(Math.random() * 2 ** 31);
  const path = process.env['PRESENCE_PATH'];
  const numRuns = numberOf('PRESENCE_RUNS') ?? usualRuns;
  console.log(`${name}: seed ${seed}, ${numRuns} runs`);
  return { seed, numRuns, ...(path === undefined ? {} : { path }) };
}

function numberOf(name: string): number | undefined {
  const value = process.env[name];
  return value === undefined ? undefined : Number(value);
}
