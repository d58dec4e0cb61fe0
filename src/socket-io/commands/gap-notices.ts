import type { Socket } from 'socket.io';
import type { Observable, Subscription } from 'rxjs';
import type { EventGap, GapTarget } from '../../cluster/event-gap.js';
import type { Reporter } from '../../reporting/reporter.js';
import { after, guarded, soon } from '../../reporting/timers.js';
import type { Target } from '../../wire/channel-names.js';
import type { NamespaceRegistry } from '../../routing/namespace-registry.js';
import { roomsOfTarget } from '../../routing/reserved-rooms.js';

/** The event that tells a client that events for it are lost, with a {@link GapNotice}. */
export const GAP_EVENT = 'propagator:gap';

/** A part of the audience of lost events. */
export interface GapNoticeTarget {
  readonly target: Target['kind'];
  /** The user id or the room. */
  readonly id?: string | undefined;
}

/** The data of `propagator:gap`. */
export interface GapNotice {
  /** The targets that the client belongs to; empty: any event may be lost. */
  readonly targets: readonly GapNoticeTarget[];
}

/** Gaps within this time make one notice: an outage ends with a gap for each instance that does not answer. */
const COLLECT_MS = 250;
/** The number of sockets that are told in one turn of the event loop. */
const SOCKETS_AT_ONCE = 500;

/**
 * Tells clients of nestjs-redis-propagator-client that events for them are lost. Other clients get nothing.
 *
 * @internal
 */
export class GapNotices {
  private readonly subscription: Subscription;
  private timer: NodeJS.Timeout | undefined;
  private targets = new Map<string, GapTarget>();
  private isAny = false;

  constructor(
    gaps: Observable<EventGap>,
    private readonly namespaces: Pick<NamespaceRegistry, 'all'>,
    private readonly reporter: Reporter,
  ) {
    this.subscription = gaps.subscribe(guarded(this.failed, (gap) => this.add(gap)));
  }

  close(): void {
    this.subscription.unsubscribe();
    clearTimeout(this.timer);
  }

  private readonly failed = (error: unknown): void =>
    this.reporter.report('listener.failed', () => `${GAP_EVENT}: ${String(error)}`);

  private add({ targets }: EventGap): void {
    if (targets === undefined) this.isAny = true;
    else for (const target of targets) this.targets.set(JSON.stringify(target), target);
    this.timer ??= after(COLLECT_MS, this.failed, () => this.tell()).unref();
  }

  private tell(): void {
    const { isAny } = this;
    const targets = [...this.targets.values()];
    this.timer = undefined;
    this.isAny = false;
    this.targets = new Map();
    const found = new Map<Socket, GapNoticeTarget[]>();
    for (const local of this.namespaces.all()) {
      const namespace = local.name;
      const here = targets.filter((target) => target.namespace === namespace);
      for (const target of isAny ? [undefined] : here) {
        const rooms = target === undefined ? [] : roomsOfTarget(asTarget(target));
        for (const socket of local.select({ namespace, rooms, except: [] })) {
          if (!understands(socket)) continue;
          const own = found.get(socket) ?? [];
          if (target !== undefined) own.push(shown(target));
          found.set(socket, own);
        }
      }
    }
    this.send([...found], 0);
  }

  private send(waiting: readonly (readonly [Socket, GapNoticeTarget[]])[], from: number): void {
    for (const [socket, targets] of waiting.slice(from, from + SOCKETS_AT_ONCE)) {
      const notice: GapNotice = { targets };
      if (socket.connected) guarded(this.failed, () => socket.emit(GAP_EVENT, notice))();
    }
    const next = from + SOCKETS_AT_ONCE;
    if (next < waiting.length) soon(this.failed, () => this.send(waiting, next));
  }
}

/** Whether the client uses the client package, which says so in its handshake. */
function understands({ handshake }: Socket): boolean {
  return (handshake.auth as Record<string, unknown> | undefined)?.['propagator'] === 1;
}

function asTarget({ target, namespace, id = '' }: GapTarget): Target {
  return target === 'user' || target === 'room'
    ? { kind: target, namespace, id }
    : { kind: target, namespace };
}

function shown({ target, id }: GapNoticeTarget): GapNoticeTarget {
  return id === undefined ? { target } : { target, id };
}
