import { OR_NONE, optionsIn, wholeNumber } from './checks.js';
import type { OutboxOptions, RepairOptions } from './delivery-options.js';

/** @internal */
export type ResolvedOutboxOptions = Readonly<Required<OutboxOptions>>;

/** @internal */
export type ResolvedRepairOptions = Readonly<Required<RepairOptions>>;

const MIB = 1024 * 1024;
const MAX_BYTES = 4_096 * MIB;
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
  const repair = optionsIn<RepairOptions>('repair', given, ['maxBytes', 'maxAgeMs'], OR_NONE);
  return Object.freeze(bounds('repair', repair, 60_000));
}

function bounds(
  name: string,
  { maxBytes, maxAgeMs }: RepairOptions,
  ageMs: number,
): ResolvedRepairOptions {
  return {
    maxBytes: wholeNumber(`${name}.maxBytes`, maxBytes, 16 * MIB, [1_024, MAX_BYTES]),
    maxAgeMs: wholeNumber(`${name}.maxAgeMs`, maxAgeMs, ageMs, [1, MAX_AGE_MS]),
  };
}
