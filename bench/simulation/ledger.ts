import type { EventGap } from '../../src/cluster/event-gap.js';

interface Party {
  readonly id: string;
  readonly index: number;
  readonly sequence: number;
}

interface Entry {
  readonly from: number;
  readonly to: number;
  /** Counts the events of a sender for a receiver. */
  readonly number: number;
  /** The last sequence of the sender before the event. */
  readonly after: number;
  readonly sender: string;
  state: 'sent' | 'taken' | 'queued' | 'refused';
  arrivals: number;
}

export interface Verdict {
  readonly events: number;
  readonly delivered: number;
  readonly lost: number;
  readonly refused: number;
  readonly inGaps: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly gaps: number;
}

/** All events, and their outcomes. */
export class Ledger {
  private readonly pairs = new Map<string, Entry[]>();
  private readonly gaps: (EventGap & { readonly receiver: number })[] = [];
  private readonly latest = new Map<string, number>();
  private outOfOrder = 0;

  sending(from: Party, to: Party): Entry {
    const key = `${from.index} ${to.index}`;
    const entries = this.pairs.get(key) ?? [];
    this.pairs.set(key, entries);
    const { id: sender, index, sequence: after } = from;
    const number = entries.length;
    const entry: Entry = {
      from: index,
      to: to.index,
      number,
      after,
      sender,
      state: 'sent',
      arrivals: 0,
    };
    entries.push(entry);
    return entry;
  }

  received(to: number, [, from, number]: readonly unknown[]): void {
    const key = `${String(from)} ${to}`;
    const entry = this.pairs.get(key)?.[Number(number)];
    if (entry === undefined) throw new Error(`nobody sent event ${String(number)} of ${key}`);
    entry.arrivals++;
    if (entry.number < (this.latest.get(key) ?? 0)) this.outOfOrder++;
    this.latest.set(key, Math.max(entry.number, this.latest.get(key) ?? 0));
  }

  gap(receiver: number, gap: EventGap): void {
    this.gaps.push({ ...gap, receiver });
  }

  /** @param lives whether an instance has lived until now; events of others may be lost with them */
  judge(lives: (index: number) => boolean): Verdict {
    const all = [...this.pairs.values()].flat().filter(({ to }) => lives(to));
    const missing = all.filter(({ arrivals, state }) => arrivals === 0 && state !== 'refused');
    // Events in the outbox of an instance that dies are lost, and their promises tell nobody.
    const owed = missing.filter(({ from, state }) => state === 'taken' || lives(from));
    const inGaps = owed.filter((entry) => this.isInGap(entry)).length;
    return {
      events: all.length,
      delivered: all.filter(({ arrivals }) => arrivals > 0).length,
      lost: owed.length - inGaps,
      refused: all.filter(({ state }) => state === 'refused').length,
      inGaps,
      twice: all.filter(({ arrivals }) => arrivals > 1).length,
      outOfOrder: this.outOfOrder,
      gaps: this.gaps.length,
    };
  }

  private isInGap({ sender, to, after }: Entry): boolean {
    // An event that waited in the outbox has a later number.
    return this.gaps.some(
      (gap) =>
        gap.receiver === to && gap.instanceId === sender && (gap.to === null || gap.to > after),
    );
  }
}
