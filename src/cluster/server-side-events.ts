import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ClusterRequests } from './cluster-requests.js';
import type { LocalNamespace } from './local-namespace.js';

const OPERATION = 'server-side-emit';

type Acknowledge = (error: Error | null, responses: unknown[]) => void;

interface Params {
  readonly namespace: string;
  readonly args: unknown[];
  readonly withAck: boolean;
}

interface Surroundings {
  readonly timeoutMs: number;
  namespaces(name: string): Iterable<LocalNamespace>;
}

/** `serverSideEmit`: events between the Socket.IO servers of all instances. @internal */
export class ServerSideEvents {
  constructor(
    private readonly requests: ClusterRequests,
    private readonly here: Surroundings,
    private readonly reporter: Reporter,
  ) {
    requests.handle(OPERATION, (params, { timeoutMs }) => {
      const { namespace, args, withAck } = params as Partial<Params>;
      if (typeof namespace !== 'string' || !Array.isArray(args)) {
        throw new TypeError('neither namespace nor arguments');
      }
      return this.emitHere([...this.here.namespaces(namespace)], args, withAck ? timeoutMs : 0);
    });
  }

  /** To all other servers, those on other ports of this instance included. */
  emit(from: LocalNamespace, args: unknown[]): void {
    const ack = args.at(-1);
    const others = [...this.here.namespaces(from.name)].filter((local) => local !== from);
    if (typeof ack !== 'function') {
      this.requests.notify(OPERATION, { namespace: from.name, args, withAck: false });
      void this.emitHere(others, args, 0).catch((error: unknown) => this.failed(error));
      return;
    }
    void this.emitWithAck(from.name, others, args.slice(0, -1), ack as Acknowledge);
  }

  private async emitWithAck(
    namespace: string,
    others: LocalNamespace[],
    args: unknown[],
    ack: Acknowledge,
  ): Promise<void> {
    const responses: unknown[] = [];
    const { timeoutMs } = this.here;
    const local = this.emitHere(others, args, timeoutMs).catch((error: unknown) => {
      this.failed(error);
      return undefined;
    });
    const { missing, complete } = await this.requests.request({
      operation: OPERATION,
      params: { namespace, args, withAck: true },
      timeoutMs,
      othersWait: true,
      onPart: (_, part) => {
        if (Array.isArray(part)) responses.push(...(part as unknown[]));
      },
    });
    const localResponses = await local;
    responses.push(...(localResponses ?? []));
    const whole = complete && localResponses !== undefined;
    ack(whole ? null : incomplete(missing), responses);
  }

  /** Resolves to the answers; rejects where a listener threw or, with a bound, did not answer. */
  private async emitHere(
    namespaces: LocalNamespace[],
    args: unknown[],
    timeoutMs: number,
  ): Promise<unknown[]> {
    if (timeoutMs === 0) {
      for (const namespace of namespaces) namespace.onServerSideEmit(args);
      return [];
    }
    return Promise.all(
      namespaces.map(
        (namespace) =>
          new Promise<unknown>((resolve, reject) => {
            const timer = setTimeout(reject, timeoutMs, new Error('no listener answered in time'));
            const settle = (end: (value: unknown) => void) => (value: unknown) => {
              clearTimeout(timer);
              end(value);
            };
            try {
              namespace.onServerSideEmit([...args, settle(resolve)]);
            } catch (error) {
              settle(reject)(error);
            }
          }),
      ),
    );
  }

  private failed(error: unknown): void {
    this.reporter.report('listener.failed', () => `serverSideEmit: ${reasonOf(error)}`);
  }
}

function incomplete(missing: readonly string[]): Error {
  const who = missing.length > 0 ? `: ${missing.join(', ')}` : '';
  return new Error(`operation has timed out, or not all servers could answer${who}`);
}
