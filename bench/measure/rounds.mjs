// @ts-check

/**
 * @typedef {import('./setting.mjs').Setting} Setting
 * @typedef {import('./setting.mjs').Used} Used
 */

/**
 * @typedef {object} Rounds the rounds of one contestant, per unit of work
 * @property {import('../contestants/contestant.mjs').Entry} entry
 * @property {Used[]} rounds
 */

/**
 * Makes all contestants do the same work in turns, so that other load of the machine affects all of them alike.
 * Each does it once as a warm-up.
 *
 * @param {Setting[]} settings
 * @param {import('../processes/instance.mjs').Work} work
 * @param {object} how
 * @param {number} how.rounds
 * @param {number} how.warmUp number of events
 * @param {number} how.each how many clients get an event
 * @param {number} how.units units of work in a round; the figures are for one unit
 * @returns {Promise<Rounds[]>}
 */
export async function alternate(settings, work, { rounds, warmUp, each, units }) {
  const all = settings.map(({ entry }) => ({ entry, rounds: /** @type {Used[]} */ ([]) }));
  for (const setting of settings) {
    // Whole turns of the targets, so that all of them get equally many events.
    const turn = Math.max(1, work.names.length);
    const count = Math.ceil(warmUp / turn) * turn;
    await setting.run({ ...work, count }, each);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, setting] of settings.entries()) {
      const used = await setting.run(work, each);
      all[i]?.rounds.push(perUnit(used, units));
    }
  }
  return all;
}

/** @param {Used} used @param {number} units @returns {Used} */
function perUnit(used, units) {
  return {
    publisher: used.publisher / units,
    subscribers: used.subscribers / units,
    redis: used.redis / units,
    total: used.total / units,
    ms: used.ms,
  };
}
