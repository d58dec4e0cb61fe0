import { flag, misused, optionsIn, wholeNumber } from './checks.js';
import type { RecoveryOptions } from './delivery-options.js';

/** @internal */
export type ResolvedRecoveryOptions = Readonly<Required<RecoveryOptions>>;

const MIB = 1024 * 1024;

/** The options that recovery depends on. */
interface Beside {
  readonly isRepaired: boolean;
  /** False with a transport of the app. */
  readonly isOnRedis: boolean;
}

/** Undefined: recovery is switched off. @internal */
export function resolveRecovery(
  given: unknown,
  { isRepaired, isOnRedis }: Beside,
): ResolvedRecoveryOptions | undefined {
  if (given === undefined || given === false) return undefined;
  const known = ['maxDisconnectionMs', 'maxBytes', 'persist'] as const;
  const { maxDisconnectionMs, maxBytes, ...rest } = optionsIn<RecoveryOptions>(
    'recovery',
    given,
    known,
    ', or false',
  );
  if (!isRepaired) {
    throw misused(
      'recovery',
      '"repair: false" beside it',
      'An instance that does not know which events it missed can prove nothing to a client: leave "repair" on.',
    );
  }
  const persist = flag('recovery.persist', rest.persist, false);
  if (persist && !isOnRedis) {
    throw misused(
      'recovery.persist',
      'a "pubSub" of the app beside it',
      'Sessions are stored with the clients of the option "redis": leave "persist" out.',
    );
  }
  return Object.freeze({
    persist,
    maxDisconnectionMs: wholeNumber(
      'recovery.maxDisconnectionMs',
      maxDisconnectionMs,
      120_000,
      [1_000, 3_600_000],
    ),
    maxBytes: wholeNumber('recovery.maxBytes', maxBytes, 16 * MIB, [64 * 1024, 4_096 * MIB]),
  });
}
