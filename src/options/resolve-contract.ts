import { isContract, type EventContract } from '../contract/define-events.js';
import { checkable, EventChecks } from '../contract/event-checks.js';
import { invalid, misused, wholeNumber } from './checks.js';
import type { RedisPropagatorOptions } from './propagator-options.js';

type Given = Pick<RedisPropagatorOptions, 'contract' | 'validate' | 'validateOneIn'>;

const MODES: ReadonlySet<unknown> = new Set(['off', 'emit', 'receive', 'both']);

/** Undefined: the app has no contract. @internal */
export function resolveContract({
  contract,
  validate,
  validateOneIn,
}: Given): EventChecks | undefined {
  if (validate !== undefined && !MODES.has(validate)) {
    throw invalid('validate', validate, "Write 'off', 'emit', 'receive' or 'both'.");
  }
  const oneIn = wholeNumber('validateOneIn', validateOneIn, 1, [1, 1_000_000]);
  if (contract === undefined) {
    const needed = 'It needs the contract, made by defineEvents().';
    if (validate !== undefined)
      throw misused('validate', `'${validate}' without "contract"`, needed);
    if (oneIn > 1) throw misused('validateOneIn', `${oneIn} without "contract"`, needed);
    return undefined;
  }
  if (!isContract(contract)) {
    throw invalid('contract', contract, 'Pass the contract that defineEvents() returned.');
  }
  const directions = validated(contract, validate);
  if (oneIn > 1 && !directions.emit) {
    throw misused(
      'validateOneIn',
      `${oneIn}, and no event of the server is validated`,
      "It needs schemas of them, and validate: 'emit' or 'both'.",
    );
  }
  return new EventChecks(contract, directions, oneIn);
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
