import { isContract, type EventContract } from '../contract/define-events.js';
import { checkable, EventChecks } from '../contract/event-checks.js';
import { invalid, misused } from './checks.js';
import type { RedisPropagatorOptions } from './propagator-options.js';

type Given = Pick<RedisPropagatorOptions, 'contract' | 'validate'>;

const MODES: ReadonlySet<unknown> = new Set(['off', 'emit', 'receive', 'both']);

/** Undefined: the app has no contract. @internal */
export function resolveContract({ contract, validate }: Given): EventChecks | undefined {
  if (validate !== undefined && !MODES.has(validate)) {
    throw invalid('validate', validate, "Write 'off', 'emit', 'receive' or 'both'.");
  }
  if (contract === undefined) {
    if (validate === undefined) return undefined;
    throw misused(
      'validate',
      `'${validate}' without "contract"`,
      'It needs the contract, made by defineEvents().',
    );
  }
  if (!isContract(contract)) {
    throw invalid('contract', contract, 'Pass the contract that defineEvents() returned.');
  }
  return new EventChecks(contract, validated(contract, validate));
}

function validated(contract: EventContract, validate: Given['validate']) {
  const possible = checkable(contract);
  const asked = {
    emit: validate === undefined || validate === 'both' || validate === 'emit',
    receive: validate === undefined || validate === 'both' || validate === 'receive',
  };
  const effect = (asked.emit && possible.emit) || (asked.receive && possible.receive);
  if (!effect && validate !== undefined && validate !== 'off') {
    throw misused(
      'validate',
      `'${validate}', and the contract has no schema for it`,
      "Define the events with schemas, or write validate: 'off'.",
    );
  }
  return { emit: asked.emit && possible.emit, receive: asked.receive && possible.receive };
}
