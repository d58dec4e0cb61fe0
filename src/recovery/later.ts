import { lenientNow } from '../reporting/lenient-now.js';
import type { Failed } from '../reporting/timers.js';
import type { Delivery } from '../routing/local-namespace.js';
import type { InstanceId } from '../wire/envelope.js';
import { Batches } from './batches.js';
import { addToList } from './lists.js';
import { keyOf, type MissedEvent } from './session.js';

/** Clients of an instance that has ended come back together: the other instances are asked once for many. */
const COLLECT_MS = 50;

/** An event since an instance has ended, as a namespace of this instance would deliver it. @internal */
export interface LaterEvent {
  readonly namespace: string;
  /** True if an app's own parser made the frames. */
  readonly custom: boolean;
  readonly delivery: Delivery;
  /** Undefined for a volatile event. */
  readonly event: MissedEvent | undefined;
}

/** Later events by room: each of many sessions looks for those of its own rooms. @internal */
export class LaterIndex {
  /** The numbers of the events. */
  private readonly byRoom = new Map<string, number[]>();
  private readonly toAll: number[] = [];

  constructor(private readonly events: readonly LaterEvent[]) {
    for (const [number, { delivery }] of events.entries()) {
      if (delivery.rooms.length === 0) this.toAll.push(number);
      for (const room of delivery.rooms) addToList(this.byRoom, room, number);
    }
  }

  /** The events for all sockets or for one of these rooms, in their order. */
  forRooms(rooms: Iterable<string>): LaterEvent[] {
    const found = new Set(this.toAll);
    for (const room of rooms) {
      for (const number of this.byRoom.get(room) ?? []) found.add(number);
    }
    return [...found].sort((a, b) => a - b).map((number) => this.events[number]!);
  }
}

/** @internal */
export interface LaterQuestion {
  /** The instance that has ended, and up to where it had heard the others. */
  readonly from: InstanceId;
  readonly heard: unknown;
  readonly namespace: string;
  readonly rooms: readonly string[];
}

interface ReadDelivery {
  readonly name: string;
  readonly custom: boolean;
  readonly delivery: Delivery;
  /** When it was sent, in ms since 1970. */
  readonly sentAt: number;
}

/** The events on these channels since an instance had heard all others up to there. Undefined: not certain. @internal */
export type EventsSince = (
  heard: unknown,
  channels: ReadonlySet<string>,
) => Promise<readonly ReadDelivery[] | undefined>;

/** Asks for the events since an instance has ended, once for all sessions of that instance that come at about the same time. @internal */
export function laterEvents(
  eventsSince: EventsSince,
  channelsOf: (namespace: string, rooms: readonly string[]) => readonly string[],
  failed: Failed,
): (question: LaterQuestion) => Promise<LaterIndex | undefined> {
  const batches = new Batches<LaterQuestion, LaterIndex | undefined>(
    async (_, items) => {
      const [first] = items;
      const channels = items.flatMap(({ namespace, rooms }) => channelsOf(namespace, rooms));
      const found = first && (await eventsSince(first.heard, new Set(channels)));
      const events = found && new LaterIndex(found.map(laterEvent));
      return items.map(() => events);
    },
    undefined,
    failed,
    undefined,
    COLLECT_MS,
  );
  return (question) => batches.add(question.from, question);
}

function laterEvent({ name, custom, delivery, sentAt }: ReadDelivery): LaterEvent {
  const { offset, volatile, packet, compress } = delivery;
  const at = performance.now() - Math.max(0, lenientNow() - sentAt);
  return {
    namespace: name,
    custom,
    delivery,
    event:
      offset === undefined || volatile
        ? undefined
        : {
            offset: offset.text,
            frames: packet.frames,
            compress,
            key: keyOf(offset.text, delivery.rooms),
            at,
          },
  };
}
