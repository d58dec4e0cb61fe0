import { BehaviorSubject } from 'rxjs';
import type {
  PubSub,
  PubSubListener,
  PubSubState,
  RedisPropagatorOptions,
} from '../../../src/index.js';
import type { Delivery } from '../../../src/routing/local-namespace.js';
import { createRuntime, type Runtime } from '../../../src/nest/runtime.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { StubNamespace } from '../../support/stub-namespace.js';

/** A transport whose incoming messages and timing only the test decides. */
export class Wire implements PubSub {
  readonly state: PubSubState = 'ready';
  readonly state$ = new BehaviorSubject<PubSubState>('ready');
  published = 0;
  /** The subscriber count in the reply of a publish. */
  reaches = 1;
  private listener: PubSubListener = () => undefined;
  private interrupted: (concerns: (channel: string) => boolean) => void = () => undefined;
  private readonly channels = new Set<string>();
  /** Inspects published messages, such as for the number of a request. */
  onPublish: (channel: string, bytes: Buffer) => void = () => undefined;

  async connect(): Promise<void> {}
  async close(): Promise<void> {}
  async publish(channel: string, bytes: Buffer): Promise<number> {
    this.published++;
    this.onPublish(channel, bytes);
    return this.reaches;
  }
  async subscribe(channel: string): Promise<void> {
    this.channels.add(channel);
  }
  unsubscribe(channel: string): void {
    this.channels.delete(channel);
  }
  isSubscribed(channel: string): boolean {
    return this.channels.has(channel);
  }
  isOpen(): boolean {
    return true;
  }
  onMessage(listener: PubSubListener): () => void {
    this.listener = listener;
    return () => undefined;
  }
  onInterruption(listener: (concerns: (channel: string) => boolean) => void): () => void {
    this.interrupted = listener;
    return () => undefined;
  }

  /** Errors that would have ended the process. */
  arrive(channel: string, bytes: Buffer): void {
    this.listener(channel, bytes);
  }

  /** The connection was lost for a moment. */
  interrupt(): void {
    this.interrupted(() => true);
    this.state$.next('ready');
  }
}

/** A namespace without sockets that records its deliveries. */
class Recorder extends StubNamespace {
  constructor(
    name: string,
    private readonly seen: Pick<Target, 'delivered' | 'heard'>,
  ) {
    super(name);
  }

  deliver(delivery: Delivery): number {
    this.seen.delivered.push({ to: this.name, delivery });
    return 1;
  }

  override onServerSideEmit(args: unknown[]): void {
    this.seen.heard.push(args);
  }
}

/** A complete instance without sockets and Redis. */
export interface Target {
  readonly wire: Wire;
  readonly runtime: Runtime;
  /** Deliveries, with their namespaces. */
  readonly delivered: { readonly to: string; readonly delivery: Delivery }[];
  /** The arguments of `serverSideEmit` listeners. */
  readonly heard: unknown[][];
  readonly logger: MemoryLogger;
  /** The channels of the instance. */
  readonly channels: Record<'all' | 'user' | 'room' | 'chat' | 'cluster' | 'reply', string>;
  close(): Promise<void>;
}

export async function givenTarget(options: RedisPropagatorOptions = {}): Promise<Target> {
  const wire = new Wire();
  const logger = new MemoryLogger();
  const resolved = resolveOptions(
    { presence: false, recovery: {}, maxMessageBytes: 4_096, ...options, pubSub: wire, logger },
    logger,
  );
  const runtime = createRuntime(resolved);
  const seen: Pick<Target, 'delivered' | 'heard'> = { delivered: [], heard: [] };
  for (const name of ['/', '/chat']) runtime.router.namespaces.add(new Recorder(name, seen));
  const { router } = runtime;
  router.hold({ kind: 'all', namespace: '/' });
  router.hold({ kind: 'all', namespace: '/chat' });
  router.hold({ kind: 'user', namespace: '/', id: 'alice' });
  router.hold({ kind: 'room', namespace: '/', id: 'lobby' });
  await runtime.start();
  return {
    wire,
    runtime,
    ...seen,
    logger,
    channels: {
      all: 'propagator:/:all',
      user: 'propagator:/:user:alice',
      room: 'propagator:/:room:lobby',
      chat: 'propagator:/chat:all',
      cluster: 'propagator:cluster',
      reply: `propagator:reply:${router.instanceId}`,
    },
    close: () => runtime.close(),
  };
}
