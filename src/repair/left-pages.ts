import type { LeftHistories } from '../cluster/records/left-histories.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import { isPassing } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { EventPublisher } from '../routing/event-publisher.js';
import type { LanePositions } from '../routing/lanes.js';
import { evictedAfter, type HistoryPage } from '../routing/publish-history.js';
import type { InstanceId } from '../wire/envelope.js';
import { packPage } from '../wire/page-pack.js';
import type { PulledPage } from './catch-up.js';
import { encodePositions, pageIn, PAGE_BYTES, positionsIn } from './pages.js';

interface LeftPagesDeps {
  readonly histories: LeftHistories;
  readonly publisher: Pick<EventPublisher, 'keepNewest' | 'after' | 'forgotten'>;
  readonly reporter: Reporter;
  readonly guard: Pick<MessageAuthenticator, 'signText' | 'verifyText'> | undefined;
  /** The name of the app: pages of another app are signed for another name. */
  readonly name: string;
  readonly maxMessageBytes: number;
}

/** @internal */
export interface LeftQuestion {
  readonly from: LanePositions;
  /** The end of the previous page. */
  readonly cursor: number | undefined;
  readonly isWanted: (channel: string) => boolean;
}

/**
 * The newest events of instances that have ended, which they left in Redis for instances that missed some. A page is like one
 * in the reply of a living instance.
 *
 * @internal
 */
export class LeftPages {
  constructor(private readonly deps: LeftPagesDeps) {}

  /** Leaves the newest events of this instance, which ends, up to so many bytes. Never rejects. */
  async leave(instanceId: InstanceId, maxBytes: number, keptMs: number): Promise<void> {
    const { histories, reporter } = this.deps;
    try {
      const pages = this.pagesOf(instanceId, maxBytes);
      if (pages.length > 0) await histories.leave(pages, keptMs);
    } catch (error) {
      // The state says that Redis is down, and the log has said so, too.
      if (isPassing(error)) reporter.count('history.not-left');
      else reporter.failure('history.not-left', () => 'the last events of this instance')(error);
    }
  }

  /**
   * A page of an instance that has ended. Undefined: the instance left none, or the page has expired.
   *
   * @throws PropagatorError Redis does not answer
   */
  async read(origin: InstanceId, question: LeftQuestion): Promise<PulledPage | undefined> {
    const { histories, guard, reporter, maxMessageBytes } = this.deps;
    const { cursor = 0, from, isWanted } = question;
    const maxLength = 2 * Math.max(PAGE_BYTES, maxMessageBytes);
    const left = await histories.read(origin, cursor, maxLength);
    if (left === undefined) return undefined;
    const [about = '', pack = '', signature = ''] = left.text.split(' ');
    const name = this.nameOf(origin, cursor);
    if (guard?.verifyText(`${about} ${pack}`, name, signature) === false) return undefined;
    try {
      const fields = JSON.parse(about) as Record<string, unknown>;
      const page = pageIn(origin, { ...fields, pack: Buffer.from(pack, 'base64') });
      const evicted = evictedAfter(
        positionsIn(fields['evicted'] ?? []),
        from,
        positionsIn(fields['last'] ?? []),
      );
      const { ageMs } = left;
      return (
        page && {
          ...page,
          arrivals: page.arrivals.flatMap(({ sentAt = 0, ...arrival }) => {
            const isMissed = arrival.number > (from.get(arrival.lane) ?? 0);
            if (!isMissed || !isWanted(arrival.channel)) return [];
            return [{ ...arrival, sentAt: sentAt - ageMs }];
          }),
          forgotten: evicted.size > 0 ? page.forgotten : undefined,
          forgottenAgeMs: page.forgottenAgeMs + ageMs,
        }
      );
    } catch {
      reporter.report('record.malformed', () => `the last events of instance ${origin}`);
      return undefined;
    }
  }

  close(): void {
    this.deps.histories.close();
  }

  private pagesOf(instanceId: InstanceId, maxBytes: number): string[] {
    const { publisher } = this.deps;
    const evicted = publisher.keepNewest(maxBytes);
    if (evicted === undefined) return [];
    const pages: HistoryPage[] = [];
    const all = { from: new Map(), isWanted: () => true, maxBytes: PAGE_BYTES };
    do pages.push(publisher.after({ ...all, cursor: pages.at(-1)?.cursor }));
    while (pages.at(-1)?.cursor !== undefined);
    const now = performance.now();
    const { sequence, at } = publisher.forgotten;
    const before = {
      evicted: encodePositions(evicted),
      last: encodePositions(pages.at(-1)?.upTo ?? new Map()),
      ...(sequence > 0 && { forgotten: sequence, forgottenAgeMs: Math.round(now - at) }),
    };
    return pages.map(({ publishes, upTo }, index) => {
      const about = {
        upTo: encodePositions(upTo),
        ...(index < pages.length - 1 && { cursor: index + 1 }),
        ...(index === 0 && before),
      };
      const pack = packPage(
        publishes.map((each) => ({ ...each, ageMs: now - Math.min(each.at, now) })),
      );
      return this.signed(`${JSON.stringify(about)} ${pack.toString('base64')}`, instanceId, index);
    });
  }

  private signed(text: string, instanceId: InstanceId, index: number): string {
    const { guard } = this.deps;
    if (guard === undefined) return text;
    return `${text} ${guard.signText(text, this.nameOf(instanceId, index))}`;
  }

  private nameOf(instanceId: InstanceId, index: number): string {
    return `${this.deps.name}:${instanceId}:left:${index}`;
  }
}
