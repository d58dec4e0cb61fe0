import type { Proofs } from '../../src/recovery/incoming-sessions.js';
import type { RecoveringNamespace } from '../../src/recovery/namespace-recovery.js';

/** A namespace without sockets and channels. */
export const recoveringNamespace: RecoveringNamespace = {
  name: '/',
  custom: false,
  limits: { roomsPerSocket: 10, nameBytes: 256 },
  holdChannels: () => ({ ready: undefined, release: () => undefined }),
  roomsOf: () => [],
  renamed: () => undefined,
  forget: () => undefined,
  vacated: () => undefined,
};

/** An instance that has heard everything. */
export const certainProofs: Proofs = {
  lastOffset: () => '',
  settled: () => Promise.resolve(true),
  caughtUp: () => Promise.resolve(true),
};
