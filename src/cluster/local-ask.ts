import type { Socket } from 'socket.io';
import type { Reporter } from '../reporting/reporter.js';
import { encodePacket } from '../wire/encode-packet.js';
import { framesLength, writeFrames } from '../wire/frames.js';
import { EVENT_PACKET, WirePacket } from '../wire/wire-packet.js';
import type { Dialect } from './local-namespace.js';
import { PacketWriter, type SendFlags } from './packet-writer.js';

interface Question extends SendFlags {
  readonly namespace: string;
  readonly data: unknown[];
  /** Of the namespace's own counter: one for all its sockets. */
  readonly id: number;
  readonly timeoutMs: number;
}

/** Where Socket.IO looks for who waits for an acknowledgement. */
interface WithAcks {
  readonly acks: Map<number, (answer: unknown) => void>;
}

/**
 * Sends an event to sockets and hands on their acknowledgements. Nothing of it is left on the sockets once all
 * have answered, or the time is up.
 *
 * @internal
 */
export function askSockets(
  sockets: readonly Socket[],
  question: Question,
  dialect: Dialect,
  reporter: Reporter,
  onAnswer: (socketId: string, answer: unknown) => void,
): Promise<void> {
  if (sockets.length === 0) return Promise.resolve();
  const { id, namespace, data, timeoutMs } = question;
  const packet = { type: EVENT_PACKET, nsp: namespace, data, id };
  const parts = encodePacket(dialect.encoder, packet);
  const frames = Buffer.allocUnsafe(framesLength(parts));
  writeFrames(frames, 0, parts);
  const wire = new WirePacket(frames, dialect.parser, { parts, packet });
  const writer = new PacketWriter(wire, question, reporter);
  return new Promise((resolve) => {
    const open = new Set<Socket>(sockets);
    const timer = setTimeout(() => {
      for (const socket of open) acksOf(socket).delete(id);
      resolve();
    }, timeoutMs);
    // An app that has closed its sockets waits for nobody.
    timer.unref();
    for (const socket of sockets) {
      acksOf(socket).set(id, (answer) => {
        open.delete(socket);
        onAnswer(socket.id, answer);
        if (open.size > 0) return;
        clearTimeout(timer);
        resolve();
      });
      writer.write(socket);
    }
  });
}

function acksOf(socket: Socket): WithAcks['acks'] {
  return (socket as unknown as WithAcks).acks;
}
