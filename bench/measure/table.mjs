// @ts-check
import { ratios, summary } from './statistics.mjs';

/**
 * @typedef {import('./statistics.mjs').Summary} Summary
 * @typedef {{ id: string, label: string, kind: string }} Who
 */

/**
 * @typedef {object} Row
 * @property {string} case
 * @property {Who} contestant
 * @property {Summary} value
 * @property {Record<string, number | string>} [parts] further figures, by the heads of their columns
 */

/**
 * @typedef {object} Ratio
 * @property {string} case
 * @property {string} what
 * @property {Summary} value
 * @property {number} [aim] at most this
 * @property {boolean} [met] by the median
 */

/**
 * @typedef {object} Table the results of a scenario
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {string} note
 * @property {Row[]} rows
 * @property {Ratio[]} ratios
 * @property {{ x: string, points: { x: number, y: number, who: Who }[] }} [curve] for a line chart
 */

/**
 * @param {string} name
 * @param {string} title
 * @param {string} unit
 * @param {string} note
 * @returns {Table}
 */
export function tableOf(name, title, unit, note) {
  return { name, title, unit, note, rows: [], ratios: [] };
}

/**
 * @typedef {object} Measured of one contestant
 * @property {Who} entry
 * @property {number[]} values one of each round; the smaller, the better
 */

/**
 * Adds the results of a case, and the library's ratio to the floor and to each peer.
 *
 * @param {Table} table
 * @param {string} name of the case
 * @param {(Measured & { parts?: Record<string, number | string> })[]} measured
 * @param {{ floor?: number, bestPeer?: number }} [aims] the allowed multiple of the first floor, or of the best
 * peer
 */
export function addCase(table, name, measured, aims = {}) {
  for (const { entry, values, parts } of measured) {
    table.rows.push({
      case: name,
      contestant: whoIs(entry),
      value: summary(values),
      ...(parts === undefined ? {} : { parts }),
    });
  }
  const library = measured.find(({ entry }) => entry.kind === 'library');
  if (library === undefined) return;
  const to = (
    /** @type {Measured} */ other,
    /** @type {string} */ what,
    /** @type {number} */ aim,
  ) => table.ratios.push(ratioOf(name, what, ratios(library.values, other.values), aim));
  const floors = measured.filter(({ entry }) => entry.kind === 'floor');
  for (const floor of floors) {
    const aim = floor === floors[0] ? (aims.floor ?? Infinity) : Infinity;
    to(floor, `${library.entry.label} / ${floor.entry.label}`, aim);
  }
  for (const other of measured.filter(({ entry }) => entry.kind === 'before')) {
    to(other, `${library.entry.label} / ${other.entry.label}`, Infinity);
  }
  const peers = measured.filter(({ entry }) => entry.kind === 'peer');
  const best = peers.reduce(
    (/** @type {Measured | undefined} */ found, peer) =>
      found === undefined || summary(peer.values).median < summary(found.values).median
        ? peer
        : found,
    undefined,
  );
  for (const peer of peers) {
    const aim = peer === best ? (aims.bestPeer ?? Infinity) : Infinity;
    const label = peer === best ? `${peer.entry.label} (best peer)` : peer.entry.label;
    to(peer, `${library.entry.label} / ${label}`, aim);
  }
}

/**
 * @param {string} name
 * @param {string} what
 * @param {Summary} value
 * @param {number} [aim]
 * @returns {Ratio}
 */
export function ratioOf(name, what, value, aim = Infinity) {
  const known = { case: name, what, value };
  return Number.isFinite(aim) ? { ...known, aim, met: value.median <= aim } : known;
}

/** @param {Who} entry @returns {Who} */
function whoIs({ id, label, kind }) {
  return { id, label, kind };
}
