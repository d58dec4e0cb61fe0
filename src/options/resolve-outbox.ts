import { OR_NONE, optionsIn, wholeNumber } from './checks.js';
import type { OutboxOptions, RepairOptions } from './delivery-options.js';

/** @internal */
export type ResolvedOutboxOptions = Readonly<Required<OutboxOptions>>;

/** @internal */
export type ResolvedRepairOptions = Readonly<Required<RepairOptions>>;

const MIB = 1024 * 1024;
const MAX_BYTES = 4_096 * MIB;
/** The most bytes that an instance may leave in Redis, which takes them with one command. */
const MAX_LEFT_BYTES = 64 * MIB;
const MAX_AGE_MS = 3_600_000;

/** Undefined: an event that cannot be published is refused at once. @internal */
export function resolveOutbox(given: unknown): ResolvedOutboxOptions | undefined {
  if (given === false) return undefined;
  const known = ['maxEvents', 'maxBytes', 'maxAgeMs'] as const;
  const outbox = optionsIn<OutboxOptions>('outbox', given, known, OR_NONE);
  return Object.freeze({
    maxEvents: wholeNumber('outbox.maxEvents', outbox.maxEvents, 10_000, [1, 10_000_000]),
    ...bounds('outbox', outbox, 30_000),
  });
}

/** Undefined: no history is kept, and other instances are not asked. @internal */
export function resolveRepair(given: unknown): ResolvedRepairOptions | undefined {
  if (given === false) return undefined;
  const known = ['maxBytes', 'maxAgeMs', 'maxLeftBytes'] as const;
  const repair = optionsIn<RepairOptions>('repair', given, known, OR_NONE);
  const range = [0, MAX_LEFT_BYTES] as const;
  return Object.freeze({
    ...bounds('repair', repair, 60_000),
    maxLeftBytes: wholeNumber('repair.maxLeftBytes', repair.maxLeftBytes, MIB, range),
  });
}

function bounds(
  name: string,
  { maxBytes, maxAgeMs }: Pick<RepairOptions, 'maxBytes' | 'maxAgeMs'>,
  ageMs: number,
): Pick<ResolvedRepairOptions, 'maxBytes' | 'maxAgeMs'> {
  return {
    maxBytes: wholeNumber(`${name}.maxBytes`, maxBytes, 16 * MIB, [1_024, MAX_BYTES]),
    maxAgeMs: wholeNumber(`${name}.maxAgeMs`, maxAgeMs, ageMs, [1, MAX_AGE_MS]),
  };
}
