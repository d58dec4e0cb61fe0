import type { PresenceChange, RedisPropagatorOptions } from '../../../src/index.js';
import { ClusterProcess } from '../cluster-process.js';
import { TestClient } from '../test-client.js';
import type { PresenceFacts, SocketSpan, Trouble } from './presence-facts.js';
import type { Standstill } from './standstills.js';

interface OpenSocket {
  readonly client: TestClient;
  readonly span: SocketSpan;
}

/** An instance in its own process, its clients, and the record of its history. It is reused for several histories. */
export class ProcessInstance {
  private readonly sockets = new Map<string, OpenSocket[]>();
  private frozen: Trouble | undefined;

  private constructor(
    private readonly process: ClusterProcess,
    private readonly facts: () => PresenceFacts,
  ) {}

  static async start(
    options: RedisPropagatorOptions,
    facts: () => PresenceFacts,
    onChange: (change: PresenceChange) => void,
  ): Promise<ProcessInstance> {
    const from = Date.now();
    const process = await ClusterProcess.start(options);
    const instance = new ProcessInstance(process, facts);
    facts().started(instance.id, from);
    await process.listen('presence', 'changes$', (change) => onChange(change as PresenceChange));
    await process.listen('process', 'standstills$', (standstill) => {
      const stood = standstill as Standstill;
      facts().trouble(process.instanceId, stood.from, stood.to);
    });
    return instance;
  }

  get id(): string {
    return this.process.instanceId;
  }

  get isFrozen(): boolean {
    return this.frozen !== undefined;
  }

  get users(): string[] {
    return [...this.sockets.keys()];
  }

  socketsOf(user: string): number {
    return this.sockets.get(user)?.length ?? 0;
  }

  call<R>(method: string, ...args: unknown[]): Promise<R> {
    return this.process.call('presence', method, ...args);
  }

  async connect(user: string): Promise<void> {
    const span = this.facts().connected(this.id, user);
    const client = await TestClient.connect(this.process.url, { token: user });
    this.sockets.set(user, [...(this.sockets.get(user) ?? []), { client, span }]);
  }

  disconnect(user: string): void {
    const [open, ...others] = this.sockets.get(user) ?? [];
    if (open === undefined) return;
    if (others.length === 0) this.sockets.delete(user);
    else this.sockets.set(user, others);
    open.span.to = Date.now();
    open.client.close();
  }

  disconnectAll(): void {
    for (const user of this.users) while (this.socketsOf(user) > 0) this.disconnect(user);
  }

  freeze(): void {
    this.frozen ??= this.facts().begin(this.id);
    this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
    if (this.frozen !== undefined) this.frozen.to = Date.now() + this.facts().timing.heartbeatMs;
    this.frozen = undefined;
  }

  async kill(): Promise<void> {
    this.facts().ended(this.id, true);
    await this.process.kill();
    this.sockets.clear();
  }

  async close(): Promise<void> {
    const closing = this.facts().begin(this.id);
    this.facts().ended(this.id, false);
    const code = await this.process.close();
    if (code !== 0) throw new Error(`the instance ended with ${String(code)}`);
    closing.to = Date.now();
    this.sockets.clear();
  }
}
