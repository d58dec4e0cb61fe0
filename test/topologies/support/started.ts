import { afterAll, beforeAll } from '@jest/globals';

/** A resource that a spec file starts before its tests and stops after them. */
export function started<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => T {
  let topology: T | undefined;
  beforeAll(async () => {
    topology = await start();
  });
  afterAll(async () => {
    await topology?.stop();
  });
  return () => {
    if (topology === undefined) throw new Error('the topology did not start');
    return topology;
  };
}
