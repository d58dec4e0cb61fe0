import { reasonOf } from '../errors.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

/**
 * Whether a transport says that it takes messages; undefined where it does not say. An app's own transport may throw
 * here, and timers ask: the error is reported, and nothing is known.
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
