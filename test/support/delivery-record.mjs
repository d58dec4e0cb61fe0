// @ts-check

/**
 * @typedef {object} Judgement
 * @property {number} expected
 * @property {number} delivered distinct events of those that are expected
 * @property {number} twice in one session
 * @property {number} repeated events of an earlier session, in a new connection: they were delayed by an outage
 * @property {number} outOfOrder
 * @property {number} foreign events that are not for this client
 * @property {number} reconnects
 * @property {number} recovered reconnects after which the server said that nothing is missing
 * @property {number} missed events that are missing without a new connection that explains it: always a fault
 */

/** Minutes, seconds and milliseconds. @param {number} at */
const clock = (at) => new Date(at).toISOString().slice(14, 23);

/** @returns {Judgement} */
export function emptyJudgement() {
  return {
    expected: 0,
    delivered: 0,
    twice: 0,
    repeated: 0,
    outOfOrder: 0,
    foreign: 0,
    reconnects: 0,
    recovered: 0,
    missed: 0,
  };
}

/** @param {readonly Judgement[]} judgements @returns {Judgement} */
export function sumOf(judgements) {
  const sum = emptyJudgement();
  for (const judgement of judgements) {
    for (const key of /** @type {(keyof Judgement)[]} */ (Object.keys(sum))) {
      sum[key] += judgement[key];
    }
  }
  return sum;
}

/**
 * The numbered events that a client received, by stream: one sender and one target. A session begins with a connection
 * that is not recovered, and goes on with those that are. Within a session no event of a stream may be missing.
 */
export class DeliveryRecord {
  /** @type {Map<string, [number: number, session: number, at: number][]>} */
  #streams = new Map();
  /** The history of the connections, with the times. @type {string[]} */
  #connections = [];
  #session = 0;
  #connects = 0;
  #recovered = 0;
  /** The number of events of all streams. */
  count = 0;

  /** @param {boolean} recovered as the client says */
  connected(recovered) {
    this.#connects++;
    this.#connections.push(`${clock(Date.now())} ${recovered ? 'recovered' : 'new connection'}`);
    if (recovered) this.#recovered++;
    else this.#session++;
  }

  /** @param {string} stream @param {number} number */
  received(stream, number) {
    this.count++;
    const known = this.#streams.get(stream);
    const entry = /** @type {[number, number, number]} */ ([number, this.#session, Date.now()]);
    if (known === undefined) this.#streams.set(stream, [entry]);
    else known.push(entry);
  }

  /** A connection was lost. @param {string} reason */
  disconnected(reason) {
    this.#connections.push(`${clock(Date.now())} ${reason}`);
  }

  /** The connections, and the events around those that came twice or late: to explain a failure. */
  story() {
    const lines = [this.#connections.join(', ')];
    for (const [stream, entries] of this.#streams) {
      const wrong = entries.findIndex(([number], place) =>
        entries.slice(0, place).some(([earlier]) => earlier >= number),
      );
      if (wrong === -1) continue;
      const [number] = entries[wrong] ?? [0];
      const around = entries
        .filter(([other], place) => other === number || Math.abs(place - wrong) < 4)
        .map(([other, session, at]) => `${other} in session ${session} at ${clock(at)}`);
      lines.push(`${stream}: ${around.join(', ')}`);
    }
    return lines.join('\n');
  }

  /** The highest number of all streams with this prefix. @param {string} prefix */
  highestOf(prefix) {
    const streams = [...this.#streams].filter(([stream]) => stream.startsWith(prefix));
    return Math.max(0, ...streams.flatMap(([, entries]) => entries.map(([number]) => number)));
  }

  /** @param {string} stream */
  numbersOf(stream) {
    return (this.#streams.get(stream) ?? []).map(([number]) => number);
  }

  /**
   * Compares the record with all events that were sent to this client since it was connected, in the order of each
   * stream. The last session has to have the last event of each stream, because the connection still exists.
   *
   * @param {ReadonlyMap<string, readonly number[]>} sent
   * @returns {Judgement}
   */
  judge(sent) {
    const judgement = emptyJudgement();
    judgement.reconnects = Math.max(0, this.#connects - 1);
    judgement.recovered = this.#recovered;
    for (const [stream, entries] of this.#streams) {
      if (!sent.has(stream)) judgement.foreign += entries.length;
    }
    for (const [stream, numbers] of sent) this.#judgeStream(stream, numbers, judgement);
    return judgement;
  }

  /**
   * @param {string} stream
   * @param {readonly number[]} sent
   * @param {Judgement} judgement
   */
  #judgeStream(stream, sent, judgement) {
    const places = new Map(sent.map((number, place) => [number, place]));
    /** The sessions in which they came. @type {Map<number, number>} */
    const got = new Map();
    let last = -1;
    let session = 1;
    for (const [number, of] of this.#streams.get(stream) ?? []) {
      const place = places.get(number);
      const before = got.get(number);
      if (place === undefined) judgement.foreign++;
      else if (before !== undefined) judgement[before === of ? 'twice' : 'repeated']++;
      else {
        // A late event fills a gap that was counted.
        if (place < last) judgement.outOfOrder++;
        else if (of === session) judgement.missed += place - last - 1;
        got.set(number, of);
        last = Math.max(last, place);
        session = of;
      }
    }
    if (session === this.#session) judgement.missed += sent.length - 1 - last;
    judgement.expected += sent.length;
    judgement.delivered += got.size;
  }
}
