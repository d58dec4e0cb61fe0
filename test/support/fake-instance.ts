import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  decodeClusterMessage,
  encodeClusterMessage,
  type ClusterMessage,
  type ReplyMessage,
  type RequestMessage,
} from '../../src/wire/cluster-message.js';
import { encodeDescription, type RecordedLane } from '../../src/cluster/records/record-text.js';
import { othersOf } from './members.js';
import { testRedisUrl, type TestCluster } from './test-cluster.js';
import { until } from './until.js';

interface AskedBy {
  readonly origin: string;
  readonly message: RequestMessage;
}

/** Takes part in a cluster like an instance, but sends only the messages that a test asks for. */
export class FakeInstance {
  readonly instanceId = randomBytes(8).toString('hex');
  /** Received requests that have not been answered. */
  readonly questions: AskedBy[] = [];
  readonly replies: ReplyMessage[] = [];
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private beat = 0;
  private sequence = 0;

  private constructor(
    private readonly prefix: string,
    redis: string,
  ) {
    this.publisher = new Redis(redis);
    this.subscriber = new Redis(redis);
    this.subscriber.on('messageBuffer', (_: Buffer, bytes: Buffer) => this.received(bytes));
  }

  /** Subscribes without announcing itself. */
  static async of({ prefix }: TestCluster, redis = testRedisUrl()): Promise<FakeInstance> {
    const fake = new FakeInstance(prefix, redis);
    await fake.subscriber.subscribe(`${prefix}:cluster`, `${prefix}:reply:${fake.instanceId}`);
    return fake;
  }

  /** Announces itself, and waits until each instance of the cluster knows it. */
  static async memberOf(cluster: TestCluster): Promise<FakeInstance> {
    const fake = await FakeInstance.of(cluster);
    await fake.announce();
    await until(
      () =>
        cluster.instances.every((instance) =>
          othersOf(instance).some(({ instanceId }) => instanceId === fake.instanceId),
        ),
      () => `the instances to know ${fake.instanceId}`,
    );
    return fake;
  }

  /**
   * Announces itself to the other instances.
   *
   * @param lanes if it says what it has published; otherwise it is one of version 0.1
   */
  announce(
    type: 'hello' | 'heartbeat' | 'bye' = 'hello',
    lanes?: readonly RecordedLane[],
  ): Promise<number> {
    const message = this.presence(type);
    if (lanes === undefined) return this.sendToAll(message);
    const about = { reads: [1, 2], host: 'fake', pid: 1, startedAt: 0, sockets: 0, users: 0 };
    const record = encodeDescription({ ...about, sequence: 0, lanes });
    return this.sendToAll({ ...message, record } as ClusterMessage);
  }

  presence(type: 'hello' | 'heartbeat' | 'bye', more: object = {}): ClusterMessage {
    const member = { host: 'fake', pid: 1, startedAt: 0, sockets: 0, users: 0, ...more };
    return { type, member, beat: ++this.beat };
  }

  /** Resolves to the next received request. */
  async asked(): Promise<AskedBy> {
    await until(
      () => this.questions.length > 0,
      () => 'a question',
    );
    return this.questions.shift() as AskedBy;
  }

  answer({ origin, message }: AskedBy, reply: Partial<ReplyMessage> = {}): Promise<number> {
    return this.sendTo(origin, { type: 'reply', id: message.id, done: true, ...reply });
  }

  sendToAll(message: ClusterMessage, as?: string): Promise<number> {
    return this.publish('cluster', this.encoded(message, as));
  }

  sendTo(instanceId: string, message: ClusterMessage, as?: string): Promise<number> {
    return this.publish(`reply:${instanceId}`, this.encoded(message, as));
  }

  /** Encodes a message in the name of this instance or of another one. */
  encoded(message: ClusterMessage, as: string = this.instanceId): Buffer {
    const origin = Buffer.from(as, 'hex');
    return encodeClusterMessage({ origin, sequence: ++this.sequence, sentAt: Date.now() }, message);
  }

  publish(channel: string, bytes: Buffer): Promise<number> {
    return this.publisher.publish(`${this.prefix}:${channel}`, bytes);
  }

  /** Disconnects without saying good-bye. */
  close(): void {
    for (const client of [this.publisher, this.subscriber]) {
      if (client.status !== 'end') client.disconnect();
    }
  }

  private received(bytes: Buffer): void {
    const received = decodeClusterMessage(bytes);
    if (typeof received === 'string' || received.origin === this.instanceId) return;
    const { origin, message } = received;
    if (message.type === 'request') this.questions.push({ origin, message });
    else if (message.type === 'reply') this.replies.push(message);
  }
}

/** The description of a socket, as another instance sends it. */
export function remoteSocket(id: string) {
  return { id, rooms: [id], data: {}, handshake: {} };
}
