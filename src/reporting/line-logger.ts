import { isPromise } from '../kinds.js';
import type { PropagatorLogger } from '../ports/logger.js';
import { fit } from '../text.js';

/**
 * The only way to the log. It makes each line fit for a log, whatever the line quotes. A logger that throws or
 * rejects does no harm.
 *
 * @internal
 */
export function lineLogger(logger: PropagatorLogger): PropagatorLogger {
  const write = (level: keyof PropagatorLogger, line: string): void => {
    try {
      const written: unknown = logger[level](fit(line));
      if (isPromise(written)) written.catch(() => undefined);
    } catch {
      // A failure of the log has no place to be reported.
    }
  };
  return {
    log: (line) => write('log', line),
    warn: (line) => write('warn', line),
    error: (line) => write('error', line),
  };
}
