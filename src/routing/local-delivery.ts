import { count, type Traffic } from '../reporting/traffic.js';
import type { Target } from '../wire/channel-names.js';
import type { EventOffset } from '../wire/offset.js';
import type { WirePacket } from '../wire/wire-packet.js';
import type { LocalNamespace } from './local-namespace.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import type { Offsets } from './offsets.js';
import type { OutgoingEvent } from './outgoing-event.js';
import { encodeEvent } from './packet-codec.js';
import { audienceOf, roomsOfTarget } from './reserved-rooms.js';

const NONE: readonly string[] = Object.freeze([]);

/** Delivers events that this instance sends to its own sockets. @internal */
export class LocalDelivery {
  constructor(
    private readonly namespaces: Pick<NamespaceRegistry, 'named'>,
    private readonly traffic: Traffic,
    private readonly offsets?: Offsets,
  ) {}

  /** Returns the number of sockets that the event was written to. */
  deliver(target: Target, event: OutgoingEvent, packet: WirePacket, offset?: EventOffset): number {
    let sockets = 0;
    const { rooms, within } = audienceOf(roomsOfTarget(target), event.rooms ?? NONE);
    for (const namespace of this.namespaces.named(event.namespace)) {
      sockets += namespace.deliver({
        // Servers on other ports may have another parser.
        packet:
          namespace.codec.parser === packet.parser
            ? packet
            : encodeEvent(namespace.codec, namespace.name, packet.packet?.data ?? event.data),
        rooms,
        within,
        except: event.except ?? NONE,
        volatile: event.volatile ?? false,
        compress: event.compress ?? true,
        offset,
        latestOnly: event.latestOnly,
      });
    }
    if (sockets > 0) {
      count(this.traffic.delivered[target.kind], sockets, sockets * packet.frames.length);
    }
    return sockets;
  }

  /** Delivers an event without publishing it. It needs no target, because its rooms name its audience. */
  deliverTo(namespaces: Iterable<LocalNamespace>, event: OutgoingEvent): void {
    const { rooms = NONE, except = NONE, volatile = false, compress = true } = event;
    const offset = this.offsets?.ofLocal();
    const data = offset === undefined ? event.data : [...event.data, offset.text];
    for (const namespace of namespaces) {
      const packet = encodeEvent(namespace.codec, namespace.name, data);
      namespace.deliver({ packet, rooms, except, volatile, compress, offset });
    }
  }

  /** Delivers an event that cannot be published. Returns whether it could be delivered. */
  tryToDeliver(event: OutgoingEvent): boolean {
    try {
      this.deliverTo(this.namespaces.named(event.namespace), event);
      return true;
    } catch {
      return false;
    }
  }
}
