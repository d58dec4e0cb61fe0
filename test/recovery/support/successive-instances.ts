import { randomUUID } from 'node:crypto';
import type { INestApplicationContext, Provider } from '@nestjs/common';
import {
  ClusterService,
  RedisPropagatorService,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import type { Recovery } from '../../../src/recovery/recovery.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import { Balancer } from '../../support/balancer.mjs';
import { PlainGateway } from '../../support/plain-gateway.js';
import {
  NUMBERED,
  ReturningClient,
  type ReturningClientOptions,
} from '../../support/returning-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

interface StageOptions {
  readonly options?: RedisPropagatorOptions;
  readonly redis?: string;
  readonly providers?: readonly Provider[];
}

/** The instances of an app, one after the other, behind a balancer; and clients that stay. */
export class SuccessiveInstances {
  readonly prefix = `test-${randomUUID()}`;
  private readonly clusters: TestCluster[] = [];
  private readonly clients: ReturningClient[] = [];
  private readonly workers = new Map<RedisPropagatorService, INestApplicationContext>();

  private constructor(
    readonly balancer: Balancer,
    private readonly given: StageOptions,
  ) {}

  static async start(given: StageOptions = {}): Promise<SuccessiveInstances> {
    return new SuccessiveInstances(await Balancer.start(), given);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.balancer.close();
    await Promise.all(this.clusters.map((cluster) => cluster.close()));
  }

  /** Starts one more instance. */
  async begin(options: RedisPropagatorOptions = {}): Promise<TestInstance> {
    const { prefix } = this;
    const { redis, providers = [], options: common } = this.given;
    const builder = givenCluster()
      .of(1)
      .with(PlainGateway, ...providers)
      .configured({ prefix, recovery: { persist: true }, ...common, ...options });
    if (redis !== undefined) builder.onRedis(redis);
    const cluster = await builder.start();
    this.clusters.push(cluster);
    const instance = cluster.instance(0);
    this.balancer.instances.push(instance.url);
    return instance;
  }

  /** Starts a process without gateways. */
  async beginWorker(): Promise<RedisPropagatorService> {
    const { prefix, given } = this;
    const options = { prefix, recovery: { persist: true }, ...given.options };
    const worker = await this.clusters[0]!.startWorkerWith(options);
    const propagator = worker.get(RedisPropagatorService);
    this.workers.set(propagator, worker);
    return propagator;
  }

  async endWorker(propagator: RedisPropagatorService): Promise<void> {
    await this.workers.get(propagator)?.close();
  }

  async connect(
    user: string,
    options: Partial<ReturningClientOptions> = {},
  ): Promise<ReturningClient> {
    const client = new ReturningClient(this.balancer.url, { user, awayMs: 20, ...options });
    this.clients.push(client);
    await client.connected();
    return client;
  }

  /** No client has a connection meanwhile. All of them come back afterwards, to instances that have begun by then. */
  async withoutClients(instances: readonly TestInstance[], meanwhile: () => Promise<unknown>) {
    const { balancer, clients } = this;
    const counts = clients.map(({ connections: { length } }) => length);
    const before = balancer.instances.length;
    const accept = balancer.refuse();
    balancer.cut();
    await until(
      () => instances.reduce((sum, each) => sum + sessionsOf(each).awayCount, 0) >= clients.length,
      () => 'all clients to be away',
    );
    await meanwhile();
    balancer.isReady = (instance) => instance >= before;
    accept();
    await Promise.all(clients.map((client, i) => client.connected((counts[i] ?? 0) + 1)));
  }

  /** The numbers that a client has received, once all has arrived that an instance has sent. */
  async settled({ received }: ReturningClient, by: TestInstance): Promise<number[]> {
    const fence = randomUUID();
    await by.propagator.emitToAll({ event: NUMBERED, data: [fence, -1] });
    await until(
      () => received.some(([stream]) => stream === fence),
      () => 'the last event',
    );
    return received.flatMap(([, number]) => (number < 0 ? [] : [number]));
  }
}

export function send(
  propagator: Pick<RedisPropagatorService, 'emitToUser'>,
  userId: string,
  ...numbers: number[]
): Promise<unknown> {
  return Promise.all(
    numbers.map((number) =>
      propagator.emitToUser({ userId, event: NUMBERED, data: ['user', number] }),
    ),
  );
}

export function recoveryOf({ app }: TestInstance): Recovery {
  const { recovery } = app.get<Runtime>(RUNTIME);
  if (recovery === undefined) throw new Error('recovery is off');
  return recovery;
}

function sessionsOf(instance: TestInstance): Recovery['sessions'] {
  return recoveryOf(instance).sessions;
}

/** Waits until an instance knows so many others. */
export async function untilKnown({ app }: TestInstance, others: number): Promise<void> {
  const cluster = app.get(ClusterService);
  await until(
    () => cluster.otherMembers().length === others,
    () => `${others} other instances`,
  );
}
