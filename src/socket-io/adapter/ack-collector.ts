import type { Socket } from 'socket.io';
import { encodeEvent } from '../../routing/packet-codec.js';
import type { PacketCodec } from '../../routing/local-namespace.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { ClientConnections } from '../connections/client-connections.js';
import type { SendFlags } from '../../routing/outgoing-event.js';
import { PacketWriter } from '../connections/packet-writer.js';
import { acksOf } from '../internals.js';
import { after } from '../../reporting/timers.js';

interface Question extends SendFlags {
  readonly namespace: string;
  readonly data: unknown[];
  /** Number of the acknowledgement, the same for all sockets; undefined if Socket.IO does not show its counter. */
  readonly id: number | undefined;
  readonly timeoutMs: number;
}

interface CollectAcksDeps {
  readonly reporter: Reporter;
  readonly connections: Pick<ClientConnections, 'slow' | 'coalescer'>;
}

const ABANDON = Symbol('propagator:abandon');

/** A callback of {@link collectAcks}. {@link abandonAcks} calls it when its socket has left. */
interface Abandonable {
  readonly [ABANDON]?: () => void;
}

/**
 * Sends an event to sockets and passes on their acknowledgements. Resolves once every socket has answered or left, or at
 * the timeout; no callback stays on a socket after that.
 *
 * @internal
 */
export function collectAcks(
  sockets: readonly Socket[],
  question: Question,
  codec: PacketCodec,
  { reporter, connections }: CollectAcksDeps,
  onAnswer: (socketId: string, answer: unknown) => void,
): Promise<void> {
  if (sockets.length === 0) return Promise.resolve();
  const { id, namespace, data, timeoutMs } = question;
  if (id === undefined || sockets.some((socket) => acksOf(socket) === undefined)) {
    return askEach(sockets, question, onAnswer);
  }
  const packet = encodeEvent(codec, namespace, data, id);
  const writer = new PacketWriter(packet, question, reporter, connections);
  return new Promise((resolve) => {
    const open = new Set<Socket>(sockets);
    const failed = reporter.failure('listener.failed', () => 'sockets that did not answer');
    const timer = after(timeoutMs, failed, () => {
      resolve();
      for (const socket of open) acksOf(socket)?.delete(id);
    });
    // The timer must not keep a process alive whose app has closed its sockets.
    timer.unref();
    const finish = (socket: Socket): void => {
      open.delete(socket);
      if (open.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    for (const socket of sockets) {
      const answered = (answer: unknown): void => {
        onAnswer(socket.id, answer);
        finish(socket);
      };
      acksOf(socket)?.set(id, Object.assign(answered, { [ABANDON]: () => finish(socket) }));
      writer.write(socket);
    }
  });
}

/** The public path: each socket has a packet of its own. */
async function askEach(
  sockets: readonly Socket[],
  { data: [event, ...args], timeoutMs, compress }: Question,
  onAnswer: (socketId: string, answer: unknown) => void,
): Promise<void> {
  const ask = async (socket: Socket): Promise<void> => {
    const emitter = socket.compress(compress).timeout(timeoutMs);
    onAnswer(socket.id, await emitter.emitWithAck(event as string, ...args));
  };
  // A socket that does not answer in time is left out.
  await Promise.allSettled(sockets.map(ask));
}

/** Stops waiting for the acknowledgements of a socket that has left. */
export function abandonAcks(socket: Socket): void {
  const acks = acksOf(socket);
  for (const [id, callback] of acks ?? []) {
    const abandon = (callback as Abandonable)[ABANDON];
    if (abandon === undefined) continue;
    acks?.delete(id);
    abandon();
  }
}
