import { EventEmitter } from 'node:events';
import type { RedisClient } from '../../src/index.js';
import type { ClusterClient, NodeClient } from '../../src/redis/ioredis-internals.js';

/** The reply that a test gives to a command. */
export type Answer = (command: string, args: readonly string[]) => Promise<unknown>;

/** A fake connection to a Cluster node, for timing that a real node cannot be made to show. */
export class FakeNode extends EventEmitter {
  status = 'wait';
  readonly stream: { writableEnded?: boolean } = {};
  readonly said: string[] = [];

  constructor(
    private readonly port: number,
    private readonly answer: Answer,
    private readonly made: FakeNode[],
  ) {
    super();
  }

  get options() {
    return { host: 'node.test', port: this.port };
  }

  get key(): string {
    return `node.test:${this.port}`;
  }

  duplicate(): NodeClient {
    const copy = new FakeNode(this.port, this.answer, this.made);
    this.made.push(copy);
    return copy as unknown as NodeClient;
  }

  async connect(): Promise<void> {
    this.becomes('ready');
  }

  becomes(status: string): void {
    this.status = status;
    this.emit(status);
  }

  disconnect(reconnect = false): void {
    this.said.push(reconnect ? 'RECONNECT' : 'DISCONNECT');
    this.becomes('close');
  }

  async quit(): Promise<void> {
    this.said.push('QUIT');
  }

  readonly ping = () => this.say('PING', []);
  readonly ssubscribe = (...channels: string[]) => this.say('SSUBSCRIBE', channels);
  readonly sunsubscribe = (...channels: string[]) => this.say('SUNSUBSCRIBE', channels);

  /** All received commands except PING. */
  get commands(): string[] {
    return this.said.filter((command) => command !== 'PING');
  }

  private say(command: string, args: readonly string[]): Promise<unknown> {
    this.said.push([command, ...args].join(' '));
    return this.answer(command, args);
  }
}

/** A fake Cluster client. The test decides which node has which slots. */
export class FakeCluster extends EventEmitter {
  status = 'ready';
  slots: string[][] = [];
  /** The connections made to each node. */
  readonly made: FakeNode[] = [];
  refreshes = 0;
  disconnects: boolean[] = [];
  refreshError: Error | undefined;
  private known: FakeNode[] = [];

  constructor(public answer: Answer = () => Promise.resolve()) {
    super();
  }

  /** From now on the nodes on these ports share the slots in equal parts. */
  has(...ports: number[]): void {
    const answer: Answer = (command, args) => this.answer(command, args);
    this.known = ports.map((port) => new FakeNode(port, answer, this.made));
    const part = Math.ceil(16_384 / ports.length);
    this.slots = this.known.flatMap(({ key }) => Array.from({ length: part }, () => [key]));
  }

  nodes(): FakeNode[] {
    return this.known;
  }

  refreshSlotsCache(callback: (error?: Error) => void): void {
    this.refreshes++;
    if (this.refreshError === undefined) this.emit('refresh');
    callback(this.refreshError);
  }

  disconnect(reconnect = false): void {
    this.disconnects.push(reconnect);
  }

  async quit(): Promise<void> {}

  /** The open connection to the node on this port. */
  shard(port: number): FakeNode {
    const shard = this.made.findLast(({ options }) => options.port === port);
    if (shard === undefined) throw new Error(`nothing connected to ${port}`);
    return shard;
  }

  get client(): ClusterClient {
    return this as unknown as ClusterClient & RedisClient;
  }
}
