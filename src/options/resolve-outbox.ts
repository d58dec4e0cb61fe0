import { checkKnown, invalid, wholeNumber } from './checks.js';
import type { OutboxOptions, RepairOptions } from './delivery-options.js';

/** @internal */
export type ResolvedOutboxOptions = Readonly<Required<OutboxOptions>>;

/** @internal */
export type ResolvedRepairOptions = Readonly<Required<RepairOptions>>;

const MIB = 1024 * 1024;
const MOST_BYTES = 4_096 * MIB;
const MOST_AGE_MS = 3_600_000;

/** Undefined: what cannot be published is refused at once. @internal */
export function resolveOutbox(given: unknown): ResolvedOutboxOptions | undefined {
  const known = ['maxEvents', 'maxBytes', 'maxAgeMs'] as const;
  const outbox = optionsOf<OutboxOptions>('outbox', given, known);
  return (
    outbox &&
    Object.freeze({
      maxEvents: wholeNumber('outbox.maxEvents', outbox.maxEvents, 10_000, [1, 10_000_000]),
      ...bounds('outbox', outbox, 30_000),
    })
  );
}

/** Undefined: nothing is kept, and nothing asked for. @internal */
export function resolveRepair(given: unknown): ResolvedRepairOptions | undefined {
  const repair = optionsOf<RepairOptions>('repair', given, ['maxBytes', 'maxAgeMs']);
  return repair && Object.freeze(bounds('repair', repair, 60_000));
}

function bounds(
  name: string,
  { maxBytes, maxAgeMs }: RepairOptions,
  ageMs: number,
): ResolvedRepairOptions {
  return {
    maxBytes: wholeNumber(`${name}.maxBytes`, maxBytes, 16 * MIB, [1_024, MOST_BYTES]),
    maxAgeMs: wholeNumber(`${name}.maxAgeMs`, maxAgeMs, ageMs, [1, MOST_AGE_MS]),
  };
}

function optionsOf<T extends object>(
  name: string,
  given: unknown,
  known: readonly (keyof T & string)[],
): Partial<T> | undefined {
  if (given === false) return undefined;
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw invalid(name, given, `Write { ${known.join(', ')} }, or false for none.`);
  }
  const options = (given ?? {}) as Partial<T>;
  checkKnown(name, options, known);
  return options;
}
