import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { AckRequests } from '../commands/ack-requests.js';
import type { EventToAcknowledge } from '../../routing/socket-selector.js';

interface Operator {
  /** How many servers it was told that there are. */
  readonly servers: number;
  /** Whether it wants one answer, of one socket. */
  readonly single: boolean;
  readonly onClientCount: (count: number) => void;
  readonly onAnswer: (answer: unknown) => void;
}

/**
 * A broadcast with acknowledgements, as Socket.IO's BroadcastOperator wants it: it expects one `onClientCount` per
 * server and then that many answers, else its timeout. It asked for the number of servers in the same tick; it is
 * told the clients of all of them at once, when all have said whom they asked. If one does not, or if the one socket
 * that was to answer has gone, it is told nothing, and reports the timeout together with the answers that came: never
 * success with answers missing.
 *
 * @internal
 */
export function broadcastWithAck(
  acks: AckRequests,
  reporter: Reporter,
  question: EventToAcknowledge | undefined,
  { servers, single, onClientCount, onAnswer }: Operator,
): void {
  let clients = 0;
  const finish = (): void => {
    if (single && clients === 0) return;
    onClientCount(clients);
    for (let server = 1; server < servers; server++) onClientCount(0);
  };
  if (question === undefined) {
    // Rooms that cannot exist have no clients. Not at once: the operator still has to learn the number of servers.
    queueMicrotask(finish);
    return;
  }
  acks
    .ask(question, {
      onAsked: (_, socketIds) => {
        clients += socketIds.length;
      },
      onAnswer: (_, __, answer) => onAnswer(answer),
      onAllAsked: finish,
    })
    .catch((error: unknown) => {
      reporter.report('emit.refused', () => reasonOf(error));
    });
}
