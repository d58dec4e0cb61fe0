import type { EventGap } from '../../src/index.js';
import { Audience, clock, streamOf } from './audience.js';
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
  /** The first few losses without a report, and the first few duplicates and late events. */
  readonly examples: Example[];
}

export interface Example {
  readonly text: string;
  /** When the event arrived, or would have: where another client received it. */
  readonly at: number | undefined;
}

const MAX_EXAMPLES_OF_A_KIND = 4;

export function emptyVerdict(): Verdict {
  return {
    events: 0,
    deliveries: 0,
    lost: 0,
    rejected: 0,
    inGaps: 0,
    duplicated: 0,
    outOfOrder: 0,
    gaps: 0,
    examples: [],
  };
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
  const verdict = emptyVerdict();
  for (const { sent, gaps } of reports) {
    verdict.events += sent;
    verdict.gaps += gaps.length;
  }
  const addExample = (kind: string, sender: number, number: number, client: number): void => {
    const { examples } = verdict;
    if (examples.filter(({ text }) => text.startsWith(kind)).length >= MAX_EXAMPLES_OF_A_KIND)
      return;
    const at = audience.arrivalOf(sender, number);
    const when = at === undefined ? 'never received' : `first received at ${clock(at)}`;
    const own = Audience.instanceOf(client);
    const text = `${kind}: number ${number} of instance ${sender} for ${targetOf(number)}, ${when}, client ${client} of instance ${own}`;
    examples.push({ text, at });
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
        let last = 0;
        for (const number of numbers) {
          if (got.has(number)) {
            verdict.duplicated++;
            addExample('twice', sender, number, client);
          } else if (number < last) {
            verdict.outOfOrder++;
            addExample('out of order', sender, number, client);
          }
          got.add(number);
          last = Math.max(last, number);
        }
      }
      for (let number = 1; number <= sent; number++) {
        if (!isFor(number, client)) continue;
        verdict.deliveries++;
        if (got.has(number)) continue;
        verdict.lost++;
        if (refused.has(number)) verdict.rejected++;
        else if (isInGap(gaps, number)) verdict.inGaps++;
        else addExample('lost', sender, number, client);
      }
    }
  }
  return verdict;
}

function isInGap(gaps: readonly EventGap[], number: number): boolean {
  return gaps.some(({ from, to }) => from <= number && (to === null || number <= to));
}
