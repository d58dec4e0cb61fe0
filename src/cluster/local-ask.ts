import type { Socket } from 'socket.io';
import { packetIn } from './dialects.js';
import type { Dialect } from './local-namespace.js';
import type { NamespaceServices } from './namespace-services.js';
import { PacketWriter, type SendFlags } from './packet-writer.js';

interface Question extends SendFlags {
  readonly namespace: string;
  readonly data: unknown[];
  /** Of the namespace's own counter: one for all its sockets. */
  readonly id: number;
  readonly timeoutMs: number;
}

const GIVE_UP = Symbol('give up');

/** Called with the answer. Ours can be given up, too. */
type Acknowledge = ((answer: unknown) => void) & { readonly [GIVE_UP]?: () => void };

/** Where Socket.IO looks for who waits for an acknowledgement. */
interface WithAcks {
  readonly acks: Map<number, Acknowledge>;
}

/**
 * Sends an event to sockets and hands on their acknowledgements. Nothing of it is left on the sockets once all
 * have answered or gone, or the time is up.
 *
 * @internal
 */
export function askSockets(
  sockets: readonly Socket[],
  question: Question,
  dialect: Dialect,
  { reporter, connections }: Pick<NamespaceServices, 'reporter' | 'connections'>,
  onAnswer: (socketId: string, answer: unknown) => void,
): Promise<void> {
  if (sockets.length === 0) return Promise.resolve();
  const { id, namespace, data, timeoutMs } = question;
  const packet = packetIn(dialect, namespace, data, id);
  const writer = new PacketWriter(packet, question, reporter, connections);
  return new Promise((resolve) => {
    const open = new Set<Socket>(sockets);
    const timer = setTimeout(() => {
      for (const socket of open) acksOf(socket).delete(id);
      resolve();
    }, timeoutMs);
    // An app that has closed its sockets waits for nobody.
    timer.unref();
    const over = (socket: Socket): void => {
      open.delete(socket);
      if (open.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    for (const socket of sockets) {
      const answered = (answer: unknown): void => {
        onAnswer(socket.id, answer);
        over(socket);
      };
      acksOf(socket).set(id, Object.assign(answered, { [GIVE_UP]: () => over(socket) }));
      writer.write(socket);
    }
  });
}

/** A socket that has gone answers no more: nobody waits for it. */
export function giveUpOn(socket: Socket): void {
  const acks = acksOf(socket);
  for (const [id, { [GIVE_UP]: giveUp }] of acks) {
    if (giveUp === undefined) continue;
    acks.delete(id);
    giveUp();
  }
}

function acksOf(socket: Socket): WithAcks['acks'] {
  return (socket as unknown as WithAcks).acks;
}
