import { invalid, optionsIn, wholeNumber } from './checks.js';
import type { ClientLimits } from './security-options.js';

/** @internal */
export interface ResolvedClientLimits {
  /** Undefined: no limit. */
  readonly eventsPerSecond: number | undefined;
  readonly eventBurst: number | undefined;
  readonly refusals: number;
  readonly roomsPerSocket: number;
  readonly nameBytes: number;
}

const KNOWN = ['eventsPerSecond', 'eventBurst', 'refusals', 'roomsPerSocket', 'nameBytes'] as const;
const MAX_VALUE = 1_000_000;
/** A UUID always fits; longer values are not names. */
const NAME_BYTES = [36, 65_536] as const;

/** @internal */
export function resolveLimits(given: unknown): ResolvedClientLimits {
  const limits = optionsIn<ClientLimits>('limits', given, KNOWN, ', or nothing for the defaults');
  const { eventsPerSecond, eventBurst } = limits;
  if (eventsPerSecond === undefined && eventBurst !== undefined) {
    throw invalid('limits.eventBurst', eventBurst, 'It goes with limits.eventsPerSecond.');
  }
  const perSecond =
    eventsPerSecond === undefined
      ? undefined
      : wholeNumber('limits.eventsPerSecond', eventsPerSecond, 100, [1, MAX_VALUE]);
  const burst =
    perSecond && wholeNumber('limits.eventBurst', eventBurst, 2 * perSecond, [1, 2 * MAX_VALUE]);
  if (perSecond !== undefined && burst !== undefined && burst < perSecond) {
    throw invalid(
      'limits.eventBurst',
      burst,
      `Write at least limits.eventsPerSecond (${perSecond}), or a client that sends them together is refused.`,
    );
  }
  return Object.freeze({
    eventsPerSecond: perSecond,
    eventBurst: burst,
    refusals: wholeNumber('limits.refusals', limits.refusals, 100, [1, MAX_VALUE]),
    roomsPerSocket: wholeNumber('limits.roomsPerSocket', limits.roomsPerSocket, 1_000, [
      1,
      MAX_VALUE,
    ]),
    nameBytes: wholeNumber('limits.nameBytes', limits.nameBytes, 256, NAME_BYTES),
  });
}
