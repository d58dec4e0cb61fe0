import { nameOf } from '../../text.js';
import { isEventName } from '../../wire/reserved-events.js';
import type { ClusterRequests } from '../../cluster/cluster-requests.js';
import type { RequestOutcome } from '../../cluster/pending-request.js';
import type { LocalNamespace } from '../../routing/local-namespace.js';
import { namesIn, selectorIn, type EventToAcknowledge } from '../../routing/socket-selector.js';
import type { InstanceId } from '../../wire/envelope.js';

/** @internal */
export interface AckListener {
  /** Called once per instance, with the sockets that it asked. */
  readonly onAsked: (instanceId: InstanceId, socketIds: readonly string[]) => void;
  readonly onAnswer: (instanceId: InstanceId, socketId: string, answer: unknown) => void;
  /** Called when all instances have named the sockets that they asked; never if one of them fails to. */
  readonly onAllAsked?: () => void;
}

interface AckRequestsDeps {
  readonly instanceId: InstanceId;
  namespaces(name: string): Iterable<LocalNamespace>;
}

const OPERATION = 'ask';

type AskPart = { readonly asked: string[] } | { readonly from: string; readonly answer: unknown };

/**
 * Events with acknowledgements, on all instances. An instance names the sockets that it asks at once, then passes on each
 * answer as it arrives.
 *
 * @internal
 */
export class AckRequests {
  constructor(
    private readonly requests: ClusterRequests,
    private readonly deps: AckRequestsDeps,
  ) {
    requests.handle(OPERATION, async (params, { timeoutMs, push: emit }) => {
      const { data, volatile, compress } = params as Partial<EventToAcknowledge>;
      if (!Array.isArray(data)) throw new TypeError('"data" is not a list of arguments');
      // A client that gets a packet without a valid name disconnects.
      if (!isEventName(data[0])) throw new TypeError('"data" does not begin with an event name');
      const flags = { volatile: volatile === true, compress: compress !== false };
      await this.askHere(
        { ...selectorIn(params), ...flags, data, timeoutMs },
        {
          onAsked: (_, asked) => void emit({ asked }),
          onAnswer: (_, from, answer) => void emit({ from, answer }),
        },
      );
    });
  }

  /**
   * Resolves once all sockets have answered, or the time is up.
   *
   * @throws PropagatorError at once, before any socket is asked: `event.unserialisable`, `event.too-large`
   */
  ask(event: EventToAcknowledge, listener: AckListener): Promise<RequestOutcome> {
    const { timeoutMs, ...params } = event;
    const remote = this.requests.request({
      operation: OPERATION,
      about: nameOf(event.data[0]),
      params,
      timeoutMs,
      remoteWaits: true,
      onPart: (instanceId, part) => {
        const known = part as AskPart;
        if ('asked' in known) listener.onAsked(instanceId, namesIn(known, 'asked'));
        else if (typeof known.from !== 'string') throw new TypeError('"from" is not a socket id');
        else listener.onAnswer(instanceId, known.from, known.answer);
      },
      ...(listener.onAllAsked && { onAllStarted: listener.onAllAsked }),
    });
    return Promise.all([remote, this.askHere(event, listener)]).then(([outcome]) => outcome);
  }

  private async askHere(
    event: EventToAcknowledge,
    { onAsked, onAnswer }: Pick<AckListener, 'onAsked' | 'onAnswer'>,
  ): Promise<void> {
    const { instanceId } = this.deps;
    const asked: string[] = [];
    const answered = [...this.deps.namespaces(event.namespace)].map((namespace) => {
      // A client's answer takes at least one turn of the event loop: onAsked comes first.
      const { socketIds, done } = namespace.ask(event, (socketId, answer) =>
        onAnswer(instanceId, socketId, answer),
      );
      asked.push(...socketIds);
      return done;
    });
    onAsked(instanceId, asked);
    await Promise.all(answered);
  }
}
