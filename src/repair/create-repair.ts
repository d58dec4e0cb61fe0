import type { ClusterBus } from '../cluster/cluster-bus.js';
import { Superseded, type ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import type { LeftHistories } from '../cluster/records/left-histories.js';
import type { Membership } from '../cluster/membership.js';
import type { Channels } from '../channels/channels.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import { asked } from '../reporting/asked.js';
import type { Reporter } from '../reporting/reporter.js';
import type { EventPublisher } from '../routing/event-publisher.js';
import type { EventRouter } from '../routing/event-router.js';
import { untilRepeated, untilTaken } from '../routing/until-taken.js';
import { RECORD } from './later-events.js';
import { LeftPages } from './left-pages.js';
import { PULL, pageServer } from './pages.js';
import { Repair } from './repair.js';

/** The part of its time for which a question waits for events that are published again. */
const WAITING_PART = 0.8;
/** The longest wait for Redis to take events, because an instance asks. */
const MAX_TAKEN_MS = 5_000;
/** The request of version 0.1 for recently published events. */
const REPAIR_0_1 = 'repair';

interface RepairDeps {
  readonly pubSub: PubSub;
  readonly bus: ClusterBus;
  readonly requests: Pick<ClusterRequests, 'handle' | 'request'>;
  readonly cluster: Pick<ClusterService, 'reportGap'>;
  readonly membership: Membership;
  /** Undefined with another transport than Redis. */
  readonly histories: LeftHistories | undefined;
  readonly sharedChannels: Channels;
  readonly router: Pick<EventRouter, 'publisher' | 'receiver'>;
  readonly reporter: Reporter;
}

/**
 * Creates both halves of the repair: one answers the questions of other instances, the other recovers events that this
 * instance missed.
 *
 * @internal
 */
export function createRepair(
  options: Pick<
    ResolvedOptions,
    'prefix' | 'maxMessageBytes' | 'requestTimeoutMs' | 'heartbeatIntervalMs' | 'repair'
  >,
  { sharedChannels, cluster, router, histories, ...deps }: RepairDeps,
): Repair {
  const { publisher, receiver } = router;
  const { maxMessageBytes } = options;
  // Even without the option `repair`, so that other instances learn at once that there is no history.
  const page = pageServer({
    maxMessageBytes,
    after: (question) => publisher.after(question),
    forgotten: () => publisher.forgotten,
  });
  const areRepeated = asked(
    (withinMs) => untilRepeated(publisher, withinMs),
    deps.reporter.failure('repair.failed', () => 'a page'),
  );
  deps.requests.handle(
    PULL,
    async (params, context) => {
      const withinMs = context.timeoutMs * WAITING_PART;
      if (publisher.hasRepeated && !(await areRepeated(withinMs))) throw new Superseded();
      return page(params, context);
    },
    true,
  );
  const isRecorded = asked(
    async (withinMs) => {
      if (!(await untilTaken(publisher, withinMs))) return false;
      await deps.membership.beatNow({ unchanged: false });
      // Where Redis refuses the record, a heartbeat takes its place, which may come later than the reply.
      return deps.membership.recordsData !== undefined;
    },
    deps.reporter.failure('repair.failed', () => 'a record'),
  );
  deps.requests.handle(
    RECORD,
    (_, { timeoutMs }) => isRecorded(Math.min(timeoutMs, MAX_TAKEN_MS)),
    true,
  );
  deps.requests.handle(REPAIR_0_1, (params) => forgotten(params, publisher), true);
  const { bus, reporter } = deps;
  const left =
    histories &&
    new LeftPages({
      histories,
      publisher,
      reporter,
      guard: bus.guard,
      name: bus.channel,
      maxMessageBytes,
    });
  const repair = new Repair(
    {
      ...deps,
      left,
      subscriptions: sharedChannels,
      receiver,
      publisher,
      reportGap: (gap) => cluster.reportGap(gap),
    },
    options,
  );
  // The receiver and the repair need each other, and meet only here: the receiver was created first.
  receiver.useRepair(repair);
  return repair;
}

/**
 * The answer to an instance of version 0.1, which asks for the events of the last `ageMs`: none is kept for it, so that it
 * reports a gap.
 */
function forgotten(params: unknown, publisher: EventPublisher): unknown {
  const { ageMs } = (params ?? {}) as { ageMs?: unknown };
  const pack = Buffer.alloc(0);
  const isMissing = typeof ageMs !== 'number' || publisher.hasPublishedWithin(ageMs);
  return isMissing ? { pack, forgotten: publisher.sequence } : { pack };
}
