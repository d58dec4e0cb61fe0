// @ts-check

/** What has to be undone before this process exits, the newest first. */
export class Ending {
  /** @type {(() => unknown)[]} */
  #stops = [];
  /** @type {Promise<never> | undefined} */
  #begun;

  get begun() {
    return this.#begun !== undefined;
  }

  /** @param {() => unknown} stop */
  add(stop) {
    this.#stops.unshift(stop);
  }

  /**
   * Exits, once; a second call waits for the first, whose exit code it is.
   *
   * @param {number} code
   */
  exit(code) {
    this.#begun ??= this.#stopAll().then(() => process.exit(code));
    return this.#begun;
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
