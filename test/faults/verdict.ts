import type { EventGap } from '../../src/index.js';
import { Audience, streamOf } from './audience.js';
import { isFor, SENDERS, targetOf, TARGETS, USERS } from './plan.js';
import type { Report } from './protocol.js';

/** The outcome of all deliveries of a scenario. */
export interface Verdict {
  events: number;
  /** One for each client that an event is for. */
  deliveries: number;
  lost: number;
  /** Lost deliveries whose verb was rejected. */
  rejected: number;
  /** Lost deliveries in a gap reported by the instance of the client. */
  inGaps: number;
  duplicated: number;
  outOfOrder: number;
  /** Reported gaps. */
  gaps: number;
  /** The first few losses without a report. */
  readonly examples: string[];
}

/** Losses without a report. */
export function silent({ lost, rejected, inGaps }: Verdict): number {
  return lost - rejected - inGaps;
}

export function judge(
  audience: Audience,
  instances: readonly { readonly id: string }[],
  reports: readonly Report[],
): Verdict {
  const verdict: Verdict = {
    events: reports.reduce((sum, { sent }) => sum + sent, 0),
    deliveries: 0,
    lost: 0,
    rejected: 0,
    inGaps: 0,
    duplicated: 0,
    outOfOrder: 0,
    gaps: reports.reduce((sum, { gaps }) => sum + gaps.length, 0),
    examples: [],
  };
  for (let sender = 0; sender < SENDERS; sender++) {
    const { sent = 0, rejected = [] } = reports[sender] ?? {};
    const refused = new Set(rejected);
    for (let client = 0; client < USERS; client++) {
      const own = Audience.instanceOf(client);
      const gaps = (reports[own]?.gaps ?? []).filter(
        ({ instanceId }) => instanceId === instances[sender]?.id,
      );
      const streams = audience.streamsOf(client);
      const got = new Set<number>();
      for (const target of TARGETS) {
        const numbers = streams.get(streamOf(sender, target)) ?? [];
        judgeStream(verdict, numbers, got);
      }
      for (let number = 1; number <= sent; number++) {
        if (!isFor(number, client)) continue;
        verdict.deliveries++;
        if (got.has(number)) continue;
        verdict.lost++;
        if (refused.has(number)) verdict.rejected++;
        else if (isInGap(gaps, number)) verdict.inGaps++;
        else if (verdict.examples.length < 12) {
          verdict.examples.push(
            `number ${number} of instance ${sender} for ${targetOf(number)}, client ${client} of instance ${own}`,
          );
        }
      }
    }
  }
  return verdict;
}

/** Events that arrived after a later one. */
function judgeStream(verdict: Verdict, numbers: readonly number[], got: Set<number>): void {
  let last = 0;
  for (const number of numbers) {
    if (got.has(number)) verdict.duplicated++;
    else if (number < last) verdict.outOfOrder++;
    got.add(number);
    last = Math.max(last, number);
  }
}

function isInGap(gaps: readonly EventGap[], number: number): boolean {
  return gaps.some(({ from, to }) => from <= number && (to === null || number <= to));
}
