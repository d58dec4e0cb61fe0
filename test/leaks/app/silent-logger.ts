import type { PropagatorLogger } from '../../../src/index.js';

const nothing = (): void => undefined;

/** Keeps no lines in memory, unlike `MemoryLogger`. */
export const silentLogger: PropagatorLogger = { log: nothing, warn: nothing, error: nothing };
