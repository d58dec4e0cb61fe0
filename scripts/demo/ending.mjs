// @ts-check

/** The clean-up steps before this process exits, the newest first. */
export class Ending {
  /** @type {(() => unknown)[]} */
  #stops = [];
  #begun = new AbortController();
  /** @type {Promise<never> | undefined} */
  #done;

  /** Aborted once the end has begun: later failures are not reported. */
  get signal() {
    return this.#begun.signal;
  }

  /** @param {() => unknown} stop */
  add(stop) {
    this.#stops.unshift(stop);
  }

  /**
   * Exits once: a second call waits for the first one and its exit code.
   *
   * @param {number} code
   */
  exit(code) {
    this.#begun.abort();
    this.#done ??= this.#stopAll().then(() => process.exit(code));
    return this.#done;
  }

  async #stopAll() {
    for (const stop of this.#stops) {
      try {
        await stop();
      } catch (error) {
        console.error(error);
      }
    }
  }
}
