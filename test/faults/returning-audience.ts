import { Balancer } from '../support/balancer.mjs';
import { sumOf, type Judgement } from '../support/delivery-record.mjs';
import { ReturningClient } from '../support/returning-client.js';
import { streamOf } from './audience.js';
import { isFor, roomOf, targetOf, userOf, type Numbered } from './plan.js';
import type { Report } from './protocol.js';

/** Events of one sender: the numbers after `from`, up to `to`. */
export interface Sent {
  readonly sender: number;
  readonly from: number;
  readonly to: number;
  /** Whether an event may be missing: its verb was rejected, or an instance reported a gap. */
  isExcused(number: number): boolean;
  /** True if the sender was killed: a client may miss all events after the last one that the client received, but none before. */
  readonly isKilled?: boolean;
}

/** Excuses events that were rejected, and those in a gap that any instance reported for this sender. */
export function sentBy(
  { sent, rejected, isKilled = false }: Pick<Report, 'sent' | 'rejected'> & Pick<Sent, 'isKilled'>,
  { sender, id, from = 0 }: { sender: number; id: string; from?: number },
  reports: readonly Report[],
): Sent {
  const refused = new Set(rejected);
  const gaps = reports
    .flatMap((report) => report.gaps)
    .filter(({ instanceId }) => instanceId === id);
  const inGap = (number: number): boolean =>
    gaps.some((gap) => gap.from <= number && (gap.to === null || number <= gap.to));
  return {
    sender,
    from,
    to: sent,
    isExcused: (number) => refused.has(number) || inGap(number),
    isKilled,
  };
}

/** Clients behind a balancer that lose their connections and come back, to any instance. */
export class ReturningAudience {
  readonly clients: ReturningClient[] = [];

  private constructor(readonly balancer: Balancer) {}

  static async at(
    urls: readonly string[],
    { count, awayMs }: { readonly count: number; readonly awayMs: number },
  ): Promise<ReturningAudience> {
    const audience = new ReturningAudience(await Balancer.start(urls));
    const { balancer, clients } = audience;
    for (let index = 0; index < count; index++) {
      const client = new ReturningClient(balancer.url, {
        user: userOf(index),
        awayMs,
        read: ({ sender, number }: Numbered) => [streamOf(sender, targetOf(number)), number],
        // A connection to a frozen instance is given up.
        socket: { timeout: 3_000 },
      });
      clients.push(client);
    }
    await audience.back();
    await Promise.all(clients.map((client, index) => client.join(roomOf(index))));
    return audience;
  }

  get count(): number {
    return this.clients.reduce((sum, { record }) => sum + record.count, 0);
  }

  /** Each client in turn loses its connection, one in each interval, until the returned function is called. */
  loseInTurns(everyMs: number): () => void {
    let turn = 0;
    const timer = setInterval(() => {
      const { user } = this.clients[turn++ % this.clients.length]!;
      this.balancer.cut(({ name }) => name === user);
    }, everyMs);
    return () => clearInterval(timer);
  }

  /** Waits until all clients are connected. */
  async back(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.connected()));
  }

  judge(all: readonly Sent[]): Judgement {
    return sumOf(this.clients.map((client, index) => judge(client, index, all)));
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.balancer.close();
  }
}

interface Received {
  readonly numbers: ReadonlySet<number>;
  readonly last: number;
}

function receivedIn(stream: string, { record }: ReturningClient): Received {
  const numbers = new Set(record.numbersOf(stream));
  return { numbers, last: Math.max(0, ...numbers) };
}

/** Judges one client by the events that are for the user with this index. */
export function judge(client: ReturningClient, index: number, all: readonly Sent[]): Judgement {
  const streams = new Map<string, number[]>();
  for (const { sender, from, to, isExcused, isKilled = false } of all) {
    const got = new Map<string, Received>();
    for (let number = from + 1; number <= to; number++) {
      if (!isFor(number, index)) continue;
      const stream = streamOf(sender, targetOf(number));
      const known = streams.get(stream) ?? [];
      streams.set(stream, known);
      if (isKilled || isExcused(number)) {
        const { numbers, last } = got.get(stream) ?? receivedIn(stream, client);
        got.set(stream, { numbers, last });
        if (isKilled && number > last) continue;
        if (isExcused(number) && !numbers.has(number)) continue;
      }
      known.push(number);
    }
  }
  return client.record.judge(streams);
}
