import * as standardParser from 'socket.io-parser';
import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Target } from '../wire/channels.js';
import { decodeEnvelope, isFrom, type Envelope, type EnvelopeFault } from '../wire/envelope.js';
import { decodeExternalEvent, isExternal } from '../wire/external-event.js';
import { WirePacket } from '../wire/wire-packet.js';
import { dialectOf, packetIn } from './dialects.js';
import type { LocalNamespace } from './local-namespace.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import { audienceOf, roomsOfTarget } from './reserved-rooms.js';

const OF_ANOTHER_VERSION: ReadonlySet<string> = new Set<EnvelopeFault>([
  'message.unknown-version',
  'message.unknown-kind',
]);

/**
 * What comes in from other instances, and from outside: delivered to the sockets of this instance, or counted,
 * reported and dropped. Never throws.
 *
 * @internal
 */
export class EventReceiver {
  private readonly standard = dialectOf(standardParser);

  constructor(
    private readonly ownOrigin: Buffer,
    private readonly maxMessageBytes: number,
    private readonly namespaces: NamespaceRegistry,
    private readonly reporter: Reporter,
  ) {}

  receive(target: Target, bytes: Buffer): void {
    if (isFrom(bytes, this.ownOrigin)) return;
    try {
      if (bytes.length > this.maxMessageBytes) {
        this.drop('message.too-large', target, `${bytes.length} bytes`);
      } else if (isExternal(bytes)) {
        this.receiveExternal(target, bytes);
      } else {
        const envelope = decodeEnvelope(bytes);
        if (typeof envelope === 'string') this.drop(envelope, target, `${bytes.length} bytes`);
        else this.receiveEnvelope(target, envelope);
      }
    } catch (error) {
      this.drop('message.failed', target, reasonOf(error));
    }
  }

  private receiveEnvelope(target: Target, envelope: Envelope): void {
    // The frames may be a custom parser's: then only a server with the same one can make sense of them.
    const packet = new WirePacket(envelope.frames, this.standard.parser);
    const audience = audienceOf(target, envelope.rooms);
    for (const namespace of this.namespaces.named(target.namespace)) {
      const readable = this.inDialect(packet, envelope.customParser, namespace);
      if (readable === undefined) {
        this.drop('message.parser-mismatch', target, `${envelope.frames.length} bytes`);
        continue;
      }
      namespace.deliver({
        packet: readable,
        ...audience,
        except: envelope.except,
        volatile: envelope.volatile,
        compress: envelope.compress,
      });
    }
  }

  private inDialect(
    packet: WirePacket,
    custom: boolean,
    { name, dialect }: LocalNamespace,
  ): WirePacket | undefined {
    if (custom) return dialect.custom ? new WirePacket(packet.frames, dialect.parser) : undefined;
    if (!dialect.custom) return packet;
    return packet.packet && packetIn(dialect, name, packet.packet.data);
  }

  private receiveExternal(target: Target, bytes: Buffer): void {
    const event = decodeExternalEvent(bytes);
    if (typeof event === 'string') {
      this.drop('message.malformed', target, event);
      return;
    }
    const data = event.data === undefined ? [event.event] : [event.event, event.data];
    for (const namespace of this.namespaces.named(target.namespace)) {
      namespace.deliver({
        packet: packetIn(namespace.dialect, namespace.name, data),
        rooms: roomsOfTarget(target),
        except: event.except,
        volatile: false,
        compress: true,
      });
    }
  }

  private drop(kind: string, target: Target, detail: string): void {
    const line = (): string =>
      `dropped a message for ${target.kind} of namespace ${target.namespace}: ${detail}`;
    // Another version of this library, as during a rolling deploy: once is enough.
    if (OF_ANOTHER_VERSION.has(kind)) this.reporter.once(kind, line);
    else this.reporter.report(kind, line);
  }
}
