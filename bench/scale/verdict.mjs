// @ts-check

/**
 * Compares what was sent with what came in. An app's events are numbered for each room, and in all, as the library does.
 *
 * @param {any[]} reports of all apps
 * @param {(room: string) => any[]} audience the reports of the apps in a room
 */
export function judge(reports, audience) {
  /** @type {string[]} */
  const examples = [];
  const sum = {
    examples,
    events: 0,
    deliveries: 0,
    missing: 0,
    unexplained: 0,
    twice: 0,
    outOfOrder: 0,
  };
  for (const { sent, index, instanceId, refused } of reports) {
    const rejected = new Set(refused);
    for (const [room, sequences] of sent) {
      sum.events += sequences.length;
      for (const { received, gaps } of audience(room)) {
        const its = received.find((/** @type {any} */ each) => each.from === index);
        const numbers = new Set(its?.numbers);
        const missing = sequences.filter(
          (/** @type {number} */ _, /** @type {number} */ i) => !numbers.has(i + 1),
        );
        const told = gaps.filter((/** @type {any} */ gap) => gap.instanceId === instanceId);
        sum.deliveries += numbers.size;
        sum.missing += missing.length;
        const unexplained = missing.filter(
          (/** @type {number} */ sequence) =>
            !rejected.has(sequence) &&
            !told.some(
              (/** @type {any} */ { from, to }) => from <= sequence && sequence <= (to ?? Infinity),
            ),
        );
        sum.unexplained += unexplained.length;
        if (unexplained.length > 0) {
          sum.examples.push(
            `of app ${index}: ${rangesOf(unexplained)}; gaps: ${JSON.stringify(told)}`,
          );
        }
        if (its?.late.length > 0)
          sum.examples.push(`of app ${index}, out of order: ${rangesOf(its.late)}`);
        sum.twice += its?.twice ?? 0;
        sum.outOfOrder += its?.outOfOrder ?? 0;
      }
    }
  }
  const total = (/** @type {(report: any) => number} */ of) =>
    reports.reduce((all, report) => all + of(report), 0);
  return {
    ...sum,
    refused: total(({ refused }) => refused.length),
    lost: total(({ lost }) => lost),
    gaps: total(({ gaps }) => gaps.length),
  };
}

/** @param {readonly number[]} numbers in order */
function rangesOf(numbers) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges
    .slice(0, 10)
    .map(([from, to]) => `${from}-${to}`)
    .join(', ');
}
