// @ts-check

/** The time between two progress lines. */
const EVERY_MS = 10_000;
/** With this many files or fewer, Jest's own lines are enough. */
const FEW_FILES = 5;

/**
 * @typedef {object} Results what Jest counts
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numRuntimeErrorTestSuites
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 */

/**
 * Prints the progress every ten seconds, on a terminal and in a log, and the number of tests as the last line:
 * `1234 passed, 0 failed`, with the skipped tests if there are any.
 */
export default class ProgressReporter {
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #startedAt = 0;
  #failed = 0;
  #done = 0;
  #total = 0;

  /** @param {{ readonly json: boolean }} config */
  constructor({ json }) {
    // With `--json` the standard output belongs to Jest.
    this.out = json ? process.stderr : process.stdout;
  }

  /** @param {{ readonly numTotalTestSuites: number }} results */
  onRunStart({ numTotalTestSuites }) {
    this.#startedAt = Date.now();
    this.#total = numTotalTestSuites;
    if (numTotalTestSuites <= FEW_FILES) return;
    const seconds = EVERY_MS / 1_000;
    process.stderr.write(
      `Running ${numTotalTestSuites} test files, the slowest first. Progress every ${seconds} s:\n`,
    );
    this.#timer = setInterval(() => this.#tell(), EVERY_MS);
    this.#timer.unref();
  }

  /** @param {unknown} _test @param {{ readonly numFailingTests: number, readonly testExecError?: unknown }} result */
  onTestResult(_test, { numFailingTests, testExecError }) {
    this.#done += 1;
    if (numFailingTests > 0 || testExecError) this.#failed += 1;
  }

  /**
   * @param {unknown} _contexts
   * @param {Results} results
   */
  onRunComplete(_contexts, results) {
    clearInterval(this.#timer);
    const line = countLine(results);
    // Jest's own summary comes after this.
    process.once('exit', () => this.out.write(`${line}\n`));
  }

  #tell() {
    const ms = Date.now() - this.#startedAt;
    process.stderr.write(`${progressLine(this.#done, this.#total, this.#failed, ms)}\n`);
  }
}

/**
 * @param {number} done
 * @param {number} total
 * @param {number} failed how many of the files that are done
 * @param {number} ms since the start
 */
export function progressLine(done, total, failed, ms) {
  const failures = failed === 0 ? '' : `, ${failed} of them failed`;
  return `${done} of ${total} test files done after ${durationOf(ms)}${failures}`;
}

/** @param {Results} results */
export function countLine(results) {
  // A file that cannot be run has no tests, and counts as a failure.
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const skipped = results.numPendingTests + results.numTodoTests;
  const rest = skipped === 0 ? '' : `, ${skipped} skipped`;
  return `${results.numPassedTests} passed, ${failed} failed${rest}`;
}

/** @param {number} ms */
export function durationOf(ms) {
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}
