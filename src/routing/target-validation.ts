import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { readable } from '../reporting/unawaited.js';
import { normalisedSessionId } from '../auth/session-id.js';
import { isLonger, normalisedNamespace } from '../wire/channel-names.js';

/** @throws PropagatorError `name.too-long` @internal */
export function checkName(what: string, name: string, maxBytes: number): void {
  if (isLonger(name, maxBytes)) {
    throw PropagatorError.of('name.too-long', [what, shown(name), maxBytes]);
  }
}

/** @throws PropagatorError `target.invalid` @internal */
export function checkedObject<T extends object>(name: string, given: T, remedy: string): T {
  if (typeof given === 'object' && given !== null && !readable(() => Array.isArray(given)))
    return given;
  throw PropagatorError.of('target.invalid', [name, shown(given), remedy]);
}

/** The options of a call, which may be omitted. @throws PropagatorError `target.invalid` @internal */
export function checkedOptions<T extends object>(given: T | undefined): Partial<T> {
  if (given === undefined) return {};
  return checkedObject('options', given, 'Pass an object with options, or nothing.');
}

/** @throws PropagatorError `target.invalid` @internal */
export function checkedSessionId(name: string, given: unknown): string {
  const sessionId = normalisedSessionId(given);
  if (sessionId !== undefined) return sessionId;
  throw PropagatorError.of('target.invalid', [
    name,
    shown(given),
    'Pass socket.auth.sessionId of the session: a string of at most 256 characters.',
  ]);
}

/** @throws PropagatorError `target.invalid` @internal */
export function checkedNamespace(given: unknown): string {
  if (given === undefined) return '/';
  if (typeof given === 'string' && given !== '') return normalisedNamespace(given);
  throw PropagatorError.of('target.invalid', [
    'namespace',
    shown(given),
    "Pass a string such as '/chat', or leave it out for '/'.",
  ]);
}
