// @ts-check

/**
 * @typedef {import('./setting.mjs').Setting} Setting
 * @typedef {import('./setting.mjs').Used} Used
 */

/**
 * @typedef {object} Rounds of one contestant: for each unit of work
 * @property {import('../contestants/contestant.mjs').Entry} entry
 * @property {Used[]} rounds
 */

/**
 * Lets all contestants do the same work, in turns: what else the machine does meets all alike. Each does it once before
 * it counts.
 *
 * @param {Setting[]} settings
 * @param {import('../processes/instance.mjs').Work} work
 * @param {object} how
 * @param {number} how.rounds
 * @param {number} how.warmUp how many events
 * @param {number} how.each how many clients get an event
 * @param {number} how.units of work in a round; the figures are those of one
 * @returns {Promise<Rounds[]>}
 */
export async function alternate(settings, work, { rounds, warmUp, each, units }) {
  const all = settings.map(({ entry }) => ({ entry, rounds: /** @type {Used[]} */ ([]) }));
  for (const setting of settings) {
    // Whole turns of the targets, so that each gets as many as the others.
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
