import { invalid, optionsIn, wholeNumber } from './checks.js';
import type { OverloadOptions, ShutdownOptions, SlowClientOptions } from './load-options.js';

/** @internal */
export type ResolvedSlowClientOptions = Readonly<Required<SlowClientOptions>>;

/** @internal */
export type ResolvedOverloadOptions = Readonly<Required<OverloadOptions>>;

/** @internal */
export type ResolvedShutdownOptions = Readonly<Required<ShutdownOptions>>;

const MIB = 1024 * 1024;
const POLICIES: ReadonlySet<unknown> = new Set(['disconnect', 'report']);

/** Undefined: not measured. @internal */
export function resolveSlowClients(given: unknown): ResolvedSlowClientOptions | undefined {
  if (given === false) return undefined;
  const name = 'slowClients';
  const known = ['maxBufferedBytes', 'policy'] as const;
  const { maxBufferedBytes, policy = 'disconnect' } = optionsIn<SlowClientOptions>(
    name,
    given,
    known,
    ', or false for no limit',
  );
  if (!POLICIES.has(policy)) {
    throw invalid('slowClients.policy', policy, "Write 'disconnect' or 'report'.");
  }
  return Object.freeze({
    maxBufferedBytes: wholeNumber('slowClients.maxBufferedBytes', maxBufferedBytes, 8 * MIB, [
      1_024,
      4_096 * MIB,
    ]),
    policy,
  });
}

/** Undefined: not measured. @internal */
export function resolveOverload(given: unknown): ResolvedOverloadOptions | undefined {
  if (given === false) return undefined;
  const known = ['eventLoopDelayMs', 'pendingPublishes'] as const;
  const { eventLoopDelayMs, pendingPublishes } = optionsIn<OverloadOptions>(
    'overload',
    given,
    known,
    ', or false to watch nothing',
  );
  return Object.freeze({
    eventLoopDelayMs: wholeNumber('overload.eventLoopDelayMs', eventLoopDelayMs, 200, [10, 60_000]),
    pendingPublishes: wholeNumber(
      'overload.pendingPublishes',
      pendingPublishes,
      5_000,
      [1, 10_000_000],
    ),
  });
}

/** @internal */
export function resolveShutdown(given: unknown): ResolvedShutdownOptions {
  const { drainMs, clientsPerSecond } = optionsIn<ShutdownOptions>('shutdown', given, [
    'drainMs',
    'clientsPerSecond',
  ]);
  return Object.freeze({
    drainMs: wholeNumber('shutdown.drainMs', drainMs, 5_000, [0, 600_000]),
    clientsPerSecond: wholeNumber(
      'shutdown.clientsPerSecond',
      clientsPerSecond,
      200,
      [1, 1_000_000],
    ),
  });
}
