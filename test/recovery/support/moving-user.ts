import { randomUUID } from 'node:crypto';
import type { INestApplication, Provider } from '@nestjs/common';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import type { Recovery } from '../../../src/recovery/recovery.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import { Balancer } from '../../support/balancer.mjs';
import { untilMembersKnown } from '../../support/members.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import {
  NUMBERED,
  ReturningClient,
  type ReturningClientOptions,
} from '../../support/returning-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

export interface StageOptions {
  readonly size?: number;
  readonly options?: RedisPropagatorOptions | ((instance: number) => RedisPropagatorOptions);
  readonly inMemory?: boolean;
  readonly providers?: readonly Provider[];
  readonly prepare?: (app: INestApplication) => void;
}

/** Instances behind a balancer, and clients that a test moves from one to another. */
export class MovingUsers {
  private readonly clients: ReturningClient[] = [];

  private constructor(
    readonly cluster: TestCluster,
    readonly balancer: Balancer,
  ) {}

  static async start({
    size = 2,
    options = {},
    inMemory = false,
    providers = [],
    prepare,
  }: StageOptions = {}): Promise<MovingUsers> {
    const optionsOf = typeof options === 'function' ? options : () => options;
    const builder = givenCluster()
      .of(size)
      .with(PlainGateway, ...providers)
      .configured((instance) => ({ recovery: {}, ...optionsOf(instance) }));
    if (inMemory) builder.onInMemoryPubSub();
    if (prepare !== undefined) builder.prepared(prepare);
    const cluster = await builder.start();
    await untilMembersKnown(cluster);
    return new MovingUsers(cluster, await Balancer.start(cluster.instances.map(({ url }) => url)));
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.balancer.close();
    await this.cluster.close();
  }

  async connect(
    user: string,
    instance = 0,
    options: Partial<ReturningClientOptions> & { readonly namespace?: string } = {},
  ): Promise<ReturningClient> {
    const client = this.open(user, instance, options);
    await client.connected();
    return client;
  }

  open(
    user: string,
    instance = 0,
    { namespace = '', ...options }: Partial<ReturningClientOptions> & { namespace?: string } = {},
  ): ReturningClient {
    this.balancer.sendTo(user, instance);
    const url = `${this.balancer.url}${namespace}`;
    const client = new ReturningClient(url, { user, awayMs: 20, ...options });
    this.clients.push(client);
    return client;
  }

  /** Cuts a client off, and lets it come back to an instance, after something has happened while it was away. */
  async move(
    client: ReturningClient,
    instance: number,
    meanwhile: () => unknown = () => undefined,
  ): Promise<void> {
    const { length } = client.connections;
    await this.away(client, instance, meanwhile);
    await client.connected(length + 1);
  }

  /** As {@link move}, for a client that may be refused. */
  async away(
    client: ReturningClient,
    instance: number,
    meanwhile: () => unknown = () => undefined,
  ): Promise<void> {
    const { awayCounts } = this;
    const accept = this.balancer.refuse();
    this.balancer.sendTo(client.user, instance);
    this.balancer.cut(({ name }) => name === client.user);
    await until(
      () => !client.socket.connected && this.awayCounts > awayCounts,
      () => `${client.user} to be away`,
    );
    await meanwhile();
    accept();
  }

  /** A client is at another instance before the one where it was has noticed. */
  async moveHalfOpen(client: ReturningClient, instance: number): Promise<void> {
    const { length } = client.connections;
    this.balancer.standStill(({ name }) => name === client.user);
    this.balancer.sendTo(client.user, instance);
    client.socket.io.engine.close();
    await client.connected(length + 1);
  }

  /** Sends numbered events to a user, one after the other, from all instances in turn. */
  async send(userId: string, ...numbers: number[]): Promise<void> {
    for (const [i, number] of numbers.entries()) {
      const { propagator } = this.cluster.instance(i % this.cluster.instances.length);
      await propagator.emitToUser({ userId, event: NUMBERED, data: ['user', number] });
    }
  }

  /** The numbers that a client has received, once all that was sent before has arrived. */
  async settled({ received, socket }: ReturningClient): Promise<number[]> {
    const fence = randomUUID();
    const { instances } = this.cluster;
    const { nsp: namespace } = socket as unknown as { nsp: string };
    for (const { propagator } of instances) {
      await propagator.emitToAll({ namespace, event: NUMBERED, data: [fence, -1] });
    }
    await until(
      () => received.filter(([stream]) => stream === fence).length === instances.length,
      () => 'the last events',
    );
    return received.flatMap(([, number]) => (number < 0 ? [] : [number]));
  }

  recovery(index: number): Recovery {
    const { recovery } = this.cluster.instance(index).app.get<Runtime>(RUNTIME);
    if (recovery === undefined) throw new Error('recovery is off');
    return recovery;
  }

  /** The number of sessions without a client, on all instances. */
  get awayCounts(): number {
    return this.cluster.instances.reduce(
      (sum, _, index) => sum + this.recovery(index).sessions.awayCount,
      0,
    );
  }
}
