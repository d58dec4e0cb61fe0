// @ts-check
import hdr from 'hdr-histogram-js';

/** The prefix of the time at which an event was due, in nanoseconds of the machine's monotonic clock. */
const MARK = Buffer.from('"due":"');
/** The prefix of the number of a probed user. */
const PROBE = Buffer.from('"probe":');

/** The information that clients read from events: latencies, and which users are reachable. */
export function latencies() {
  let histogram = hdr.build({ numberOfSignificantValueDigits: 3 });
  /** @type {Map<number, { first: number, count: number }>} */
  let probed = new Map();
  return {
    onEvent(/** @type {Buffer} */ bytes, /** @type {number} */ start, /** @type {number} */ end) {
      // Both are near the beginning, and most events have neither.
      const head = bytes.subarray(start, Math.min(end, start + 96));
      const mark = head.indexOf(MARK);
      if (mark >= 0) {
        const from = mark + MARK.length;
        const due = BigInt(head.toString('latin1', from, head.indexOf('"', from)));
        const took = Number(process.hrtime.bigint() - due) / 1_000;
        histogram.recordValue(Math.max(1, Math.round(took)));
        return;
      }
      const probe = head.indexOf(PROBE);
      if (probe < 0) return;
      const id = Number.parseInt(head.toString('latin1', probe + PROBE.length), 10);
      const known = probed.get(id);
      if (known === undefined)
        probed.set(id, { first: Number(process.hrtime.bigint() / 1_000n), count: 1 });
      else known.count++;
    },
    /** Returns the latencies since the last call, in microseconds. */
    take() {
      const of = (/** @type {number} */ percentile) => histogram.getValueAtPercentile(percentile);
      const taken = {
        count: histogram.totalCount,
        p50: of(50),
        p99: of(99),
        p999: of(99.9),
        max: histogram.maxValue,
      };
      histogram = hdr.build({ numberOfSignificantValueDigits: 3 });
      return taken;
    },
    /**
     * Returns for each user the time of its first probe, in µs of the monotonic clock, and the number of probes,
     * since the last call.
     */
    probes() {
      const taken = [...probed].map(([id, { first, count }]) => ({ id, first, count }));
      probed = new Map();
      return taken;
    },
  };
}
