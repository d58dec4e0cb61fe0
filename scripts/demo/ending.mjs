// @ts-check

/** What has to be undone before this process exits, the newest first. */
export class Ending {
  /** @type {(() => unknown)[]} */
  #stops = [];
  #begun = new AbortController();
  /** @type {Promise<never> | undefined} */
  #done;

  /** Aborted once the end has begun: what fails from then on is no news. */
  get signal() {
    return this.#begun.signal;
  }

  /** @param {() => unknown} stop */
  add(stop) {
    this.#stops.unshift(stop);
  }

  /**
   * Exits, once: a second call waits for the first, whose exit code holds.
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
