// @ts-check

/** Between two lines about the progress: often enough to see that something happens. */
const EVERY_MS = 10_000;
/** Of so few files the lines about each are enough. */
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
 * Says every ten seconds how far the run has come, with a terminal and without one, and ends the output with the number
 * of tests: `1234 passed, 0 failed`, and how many were skipped, if any.
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
    // Of `--json` the standard output is Jest's.
    this.out = json ? process.stderr : process.stdout;
  }

  /** @param {{ readonly numTotalTestSuites: number }} results */
  onRunStart({ numTotalTestSuites }) {
    this.#startedAt = Date.now();
    this.#total = numTotalTestSuites;
    if (numTotalTestSuites <= FEW_FILES) return;
    process.stderr.write(`${numTotalTestSuites} test files\n`);
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
    const failed = this.#failed === 0 ? '' : `, ${this.#failed} failed`;
    const time = durationOf(Date.now() - this.#startedAt);
    process.stderr.write(`${this.#done} of ${this.#total} test files, ${time}${failed}\n`);
  }
}

/** @param {Results} results */
export function countLine(results) {
  // A file that cannot be run has no tests, and is a failure all the same.
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
