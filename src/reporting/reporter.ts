import type { PropagatorLogger } from '../ports/logger.js';
import { fit, reasonOf } from '../text.js';
import { lineLogger } from './line-logger.js';
import { guarded, type Failed } from './timers.js';

const LOG_INTERVAL_MS = 1_000;
/** Leaves room in a line for the kind and the number. */
const MAX_DETAIL_CHARACTERS = 900;

interface Kind {
  count: number;
  unlogged: number;
  loggedAt: number;
}

/**
 * Counts everything that is dropped or refused, and logs it at most once a second per kind, so that a flood of bad
 * messages is neither silent nor fills the disk.
 *
 * @internal
 */
export class Reporter {
  private readonly kinds = new Map<string, Kind>();

  /** Accepts any text: it is cut, masked and escaped to fit into one line of a log. */
  readonly logger: PropagatorLogger;

  constructor(logger: PropagatorLogger) {
    this.logger = lineLogger(logger);
  }

  /** Counts one occurrence of `kind` and logs nothing. */
  count(kind: string): void {
    this.entry(kind).count++;
  }

  /** Counts one occurrence of `kind`. `detail` is only evaluated for the lines that are logged. */
  report(kind: string, detail: () => string): void {
    const now = Date.now();
    const entry = this.entry(kind);
    entry.count++;
    // Date.now() may step back when the clock is set. A line too many is better than no lines until then.
    if (Math.abs(now - entry.loggedAt) < LOG_INTERVAL_MS) {
      entry.unlogged++;
      return;
    }
    const before = entry.unlogged > 0 ? ` (and ${entry.unlogged} more since the last line)` : '';
    entry.unlogged = 0;
    entry.loggedAt = now;
    this.logger.warn(`${kind}: ${wordsOf(detail)}${before}`);
  }

  /** Counts each occurrence of `kind` and logs only the first one. */
  once(kind: string, detail: () => string): void {
    this.first('warn', kind, detail);
  }

  /** As {@link once}, for an occurrence that is no fault: the line is no warning. */
  fact(kind: string, detail: () => string): void {
    this.first('log', kind, detail);
  }

  /**
   * Runs work whose failure must not propagate: in a timer it would end the process, in a loop it would stop the
   * remaining work. An error or a rejection is reported.
   *
   * @param subject the subject of the log line
   */
  attempt(kind: string, subject: () => string, act: () => unknown): void {
    guarded(this.failure(kind, subject), act)();
  }

  /** Reports the error of a timer or a listener, like {@link attempt}. */
  failure(kind: string, subject: () => string): Failed {
    return (error) => this.report(kind, () => `${subject()}: ${reasonOf(error)}`);
  }

  /** How often each kind occurred since start. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.kinds].map(([kind, { count }]) => [kind, count]));
  }

  private first(level: keyof PropagatorLogger, kind: string, detail: () => string): void {
    const entry = this.entry(kind);
    entry.count++;
    if (entry.count === 1) this.logger[level](`${kind}: ${wordsOf(detail)}`);
  }

  private entry(kind: string): Kind {
    let entry = this.kinds.get(kind);
    if (entry === undefined) {
      entry = { count: 0, unlogged: 0, loggedAt: -Infinity };
      this.kinds.set(kind, entry);
    }
    return entry;
  }
}

/** If the text of a line cannot be made, the count is still right. */
function wordsOf(detail: () => string): string {
  try {
    return fit(detail(), MAX_DETAIL_CHARACTERS);
  } catch (error) {
    return reasonOf(error);
  }
}
