import { reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

/**
 * Whether a transport accepts messages; undefined if it does not say. An app's own transport may throw here, which
 * would end a timer: the error is reported, and the result is undefined.
 *
 * @internal
 */
export function saysOpen(pubSub: PubSub, reporter: Reporter): boolean | undefined {
  try {
    return pubSub.isOpen?.();
  } catch (error) {
    reporter.report('transport.failed', () => `isOpen: ${reasonOf(error)}`);
    return undefined;
  }
}
