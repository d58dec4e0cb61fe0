import { reasonOf } from '../../errors.js';
import { isError } from '../../kinds.js';
import type { Reporter } from '../../reporting/reporter.js';
import { RESERVED_EVENTS } from '../../wire/reserved-events.js';
import type { ClusterRequests } from '../../cluster/cluster-requests.js';
import type { LocalNamespace } from '../../routing/local-namespace.js';
import { after, nextTick } from '../../reporting/timers.js';

const OPERATION = 'server-side-emit';

/** Events that listeners take for a new client or namespace. Socket.IO refuses to send them, but not to receive them. */
const OF_SOCKET_IO: ReadonlySet<string> = new Set([
  ...RESERVED_EVENTS,
  'connection',
  'new_namespace',
]);

type Acknowledge = (error: Error | null, responses: unknown[]) => void;

interface Params {
  readonly namespace: string;
  readonly args: unknown[];
  readonly withAck: boolean;
}

interface ServerSideEventsDeps {
  readonly timeoutMs: number;
  namespaces(name: string): Iterable<LocalNamespace>;
}

/** `serverSideEmit`: events between the Socket.IO servers of all instances. @internal */
export class ServerSideEvents {
  constructor(
    private readonly requests: ClusterRequests,
    private readonly deps: ServerSideEventsDeps,
    private readonly reporter: Reporter,
  ) {
    requests.handle(OPERATION, async (params, { timeoutMs, push: emit }) => {
      const { namespace, args, withAck } = params as Partial<Params>;
      if (typeof namespace !== 'string' || !Array.isArray(args)) {
        throw new TypeError('"namespace" is not a name, or "args" is not a list');
      }
      const [event] = args;
      if (typeof event !== 'string' || OF_SOCKET_IO.has(event)) {
        throw new TypeError('"args" does not begin with the name of an event between servers');
      }
      const namespaces = [...this.deps.namespaces(namespace)];
      if (withAck !== true) callEach(namespaces, args);
      else await askEach(namespaces, args, timeoutMs, (answer) => void emit([answer]));
    });
  }

  /**
   * Emits to all other servers, including those on other ports of this instance. Never throws: a failure to send to other
   * instances is reported, or passed to the callback.
   */
  emit(from: LocalNamespace, args: unknown[]): void {
    const ack = args.at(-1);
    const others = [...this.deps.namespaces(from.name)].filter((local) => local !== from);
    if (typeof ack === 'function') {
      try {
        this.emitWithAck(from.name, others, args.slice(0, -1), ack as Acknowledge);
      } catch (error) {
        this.reporter.report('emit.refused', () => `serverSideEmit: ${reasonOf(error)}`);
        const failure = isError(error) ? error : new Error(reasonOf(error));
        nextTick(
          (thrown) => this.failed(thrown),
          () => (ack as Acknowledge)(failure, []),
        );
      }
      return;
    }
    try {
      this.requests.notify(OPERATION, { namespace: from.name, args, withAck: false });
    } catch (error) {
      this.reporter.report('emit.refused', () => `serverSideEmit: ${reasonOf(error)}`);
    }
    try {
      callEach(others, args);
    } catch (error) {
      this.failed(error);
    }
  }

  private emitWithAck(
    namespace: string,
    others: LocalNamespace[],
    args: unknown[],
    ack: Acknowledge,
  ): void {
    const { timeoutMs } = this.deps;
    const answers: unknown[] = [];
    const remote = this.requests.request({
      operation: OPERATION,
      params: { namespace, args, withAck: true },
      timeoutMs,
      remoteWaits: true,
      onPart: (_, part) => {
        if (part === undefined) return;
        if (!Array.isArray(part)) throw new TypeError('the part is not a list of answers');
        for (const answer of part as unknown[]) answers.push(answer);
      },
    });
    const local = askEach(others, args, timeoutMs, (answer) => answers.push(answer)).then(
      () => true,
      (error: unknown) => {
        this.failed(error);
        return false;
      },
    );
    Promise.all([remote, local])
      .then(([{ missing, complete }, here]) =>
        ack(complete && here ? null : incomplete(missing), answers),
      )
      .catch((error: unknown) => this.failed(error));
  }

  private failed(error: unknown): void {
    this.reporter.report('listener.failed', () => `serverSideEmit: ${reasonOf(error)}`);
  }
}

/** Calls all listeners. @throws the error of the first listener that threw */
function callEach(namespaces: readonly LocalNamespace[], args: unknown[]): void {
  const thrown: unknown[] = [];
  for (const namespace of namespaces) {
    try {
      namespace.onServerSideEmit(args);
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}

/** Passes on each answer as it arrives; rejects at the end if a listener threw or did not answer. */
async function askEach(
  namespaces: readonly LocalNamespace[],
  args: unknown[],
  timeoutMs: number,
  onAnswer: (answer: unknown) => void,
): Promise<void> {
  const asked = await Promise.allSettled(
    namespaces.map(async (namespace) => onAnswer(await ask(namespace, args, timeoutMs))),
  );
  const failed = asked.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function ask(namespace: LocalNamespace, args: unknown[], timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = after(timeoutMs, reject, () => {
      throw new Error('no listener answered in time');
    });
    // The timer must not keep a process alive whose app is closed.
    timer.unref();
    try {
      namespace.onServerSideEmit([
        ...args,
        (answer: unknown) => {
          clearTimeout(timer);
          resolve(answer);
        },
      ]);
    } catch (error) {
      clearTimeout(timer);
      reject(error);
    }
  });
}

function incomplete(missing: readonly string[]): Error {
  const instances = missing.length > 0 ? `: ${missing.join(', ')}` : '';
  return new Error(`operation has timed out, or not all servers could answer${instances}`);
}
