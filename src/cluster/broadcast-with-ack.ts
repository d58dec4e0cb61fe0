import { reasonOf } from '../errors.js';
import type { NamespaceServices } from './namespace-services.js';
import type { SocketSelector } from './socket-selector.js';

interface Callbacks {
  readonly onClientCount: (count: number) => void;
  readonly onAnswer: (answer: unknown) => void;
}

/**
 * A broadcast with acknowledgements, as Socket.IO's BroadcastOperator wants it: it expects one `onClientCount` per
 * server and then that many answers, else its timeout. It asked for the number of servers in the same tick; it is
 * told the clients of all of them at once, when all have said whom they asked. If one does not, it is told
 * nothing, and reports the timeout together with the answers that came: never success with answers missing.
 *
 * @internal
 */
export function broadcastWithAck(
  { acks, cluster, reporter, ackTimeoutMs }: NamespaceServices,
  selector: SocketSelector | undefined,
  data: unknown[],
  timeoutMs: number | undefined,
  { onClientCount, onAnswer }: Callbacks,
): void {
  const servers = cluster.otherMembers().length + 1;
  let clients = 0;
  const finish = (): void => {
    onClientCount(clients);
    for (let server = 1; server < servers; server++) onClientCount(0);
  };
  if (selector === undefined) {
    // Rooms that cannot exist have no clients. Not at once: the operator still has to learn the number of servers.
    queueMicrotask(finish);
    return;
  }
  acks
    .ask(
      { ...selector, data, timeoutMs: timeoutMs ?? ackTimeoutMs },
      {
        onAsked: (_, socketIds) => {
          clients += socketIds.length;
        },
        onAnswer: (_, __, answer) => onAnswer(answer),
        onAllAsked: finish,
      },
    )
    .catch((error: unknown) => {
      reporter.report('emit.refused', () => reasonOf(error));
    });
}
