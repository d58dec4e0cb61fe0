import { reasonOf } from '../../errors.js';
import type { ResolvedSlowClientOptions } from '../../options/resolve-load.js';
import type { Reporter } from '../../reporting/reporter.js';
import {
  bytesInFlight,
  hardClose,
  sendProgress,
  waitingBytes,
  type EngineSocket,
} from '../engine-socket.js';
import { every, soon, type Failed } from '../../reporting/timers.js';

const SWEEP_MS = 1_000;

/**
 * Limits the bytes that wait for a client. Checks a connection when it is written to while packets wait, and all
 * connections once a second, because an app may write to a socket itself. One large write may take its time, as long as
 * the client takes some of it between two sweeps.
 *
 * @internal
 */
export class SlowClients {
  private readonly suspects = new Set<EngineSocket>();
  /** The {@link sendProgress} of connections with a large write, at the last sweep. */
  private readonly progress = new WeakMap<EngineSocket, string>();
  private readonly reported = new WeakSet<EngineSocket>();
  private timer: NodeJS.Timeout | undefined;
  /** Takes errors of Engine.IO and of transports of the app. */
  private readonly failed: Failed;

  constructor(
    /** Undefined if the buffers are not limited. */
    private readonly options: ResolvedSlowClientOptions | undefined,
    private readonly connections: () => Iterable<EngineSocket>,
    private readonly reporter: Reporter,
  ) {
    this.failed = reporter.failure('listener.failed', () => 'slow clients');
  }

  start(): void {
    if (this.options === undefined) return;
    this.timer ??= every(SWEEP_MS, this.failed, () => this.sweep()).unref();
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.suspects.clear();
  }

  /** Called when a connection has been written to and its buffer is not empty. */
  wrote(connection: EngineSocket): void {
    if (!this.exceedsLimit(connection)) return;
    // All writes of one tick wait until the event loop has had a chance to send them.
    if (this.suspects.size === 0) soon(this.failed, () => this.checkSuspects());
    this.suspects.add(connection);
  }

  private sweep(): void {
    for (const connection of this.connections()) {
      this.wrote(connection);
      if (this.isStalled(connection)) this.applyPolicy(connection);
    }
  }

  private checkSuspects(): void {
    for (const connection of this.suspects) {
      this.suspects.delete(connection);
      if (this.exceedsLimit(connection)) this.applyPolicy(connection);
    }
  }

  /** Whether a client has taken nothing of a large write since the last sweep. */
  private isStalled(connection: EngineSocket): boolean {
    const { maxBufferedBytes = Infinity } = this.options ?? {};
    if (bytesInFlight(connection) <= maxBufferedBytes || this.isDone(connection)) {
      this.progress.delete(connection);
      return false;
    }
    const before = this.progress.get(connection);
    const now = sendProgress(connection);
    if (now === undefined) return false;
    this.progress.set(connection, now);
    return now === before;
  }

  private isDone(connection: EngineSocket): boolean {
    return connection.readyState === 'closed' || this.reported.has(connection);
  }

  private exceedsLimit(connection: EngineSocket): boolean {
    const { options } = this;
    return (
      options !== undefined &&
      waitingBytes(connection) > options.maxBufferedBytes &&
      !this.isDone(connection)
    );
  }

  private applyPolicy(connection: EngineSocket): void {
    const { maxBufferedBytes, policy } = this.options as ResolvedSlowClientOptions;
    const bytes = waitingBytes(connection) + bytesInFlight(connection);
    this.reported.add(connection);
    const ended = policy === 'disconnect' ? 'was disconnected' : 'does not keep up';
    this.reporter.report(
      'client.slow',
      () => `a client ${ended}: ${bytes} bytes waited for it, ${maxBufferedBytes} are allowed`,
    );
    if (policy !== 'disconnect') return;
    try {
      hardClose(connection, 'client.slow');
    } catch (error) {
      this.reporter.report('listener.failed', () => `disconnect: ${reasonOf(error)}`);
    }
  }
}
