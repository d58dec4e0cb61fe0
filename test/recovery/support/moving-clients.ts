import { Balancer } from '../../support/balancer.mjs';
import { sumOf, type Judgement } from '../../support/delivery-record.mjs';
import { untilMembersKnown } from '../../support/members.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { ReturningClient } from '../../support/returning-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import {
  NumberedSource,
  TO_ALL,
  TO_AUTHENTICATED,
  toRoom,
  toUser,
  toUsers,
} from './numbered-source.js';

export interface Moves {
  readonly clients: number;
  /** How often each client loses its connection. */
  readonly rounds: number;
  readonly awayMs: number;
  readonly transport?: 'websocket' | 'polling';
  /** The payload of each event beside its number. */
  readonly payload?: unknown;
  /** A room that all clients join after half of the rounds. */
  readonly lateRoom?: string;
  /** The instances that send events; by default, all. */
  readonly senders?: readonly number[];
  /** The instance where all clients begin; by default, each begins at the next one. */
  readonly first?: number;
  /** Loses a connection; by default, both sides see it close. */
  readonly lose?: (stage: MovingClients, client: ReturningClient) => Promise<unknown>;
}

/** Two instances behind a balancer, and a third one. All of them send events, the first two with clients of their own. */
export class MovingClients {
  readonly clients: ReturningClient[] = [];
  readonly sources: NumberedSource[] = [];

  private constructor(
    readonly cluster: TestCluster,
    readonly balancer: Balancer,
  ) {}

  static async start(options: RedisPropagatorOptions = {}): Promise<MovingClients> {
    const cluster = await givenCluster()
      .of(3)
      .with(PlainGateway)
      .configured({ recovery: {}, ...options })
      .start();
    await untilMembersKnown(cluster);
    const urls = cluster.instances.slice(0, 2).map(({ url }) => url);
    return new MovingClients(cluster, await Balancer.start(urls));
  }

  async close(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.stop()));
    for (const client of this.clients) client.close();
    await this.balancer.close();
    await this.cluster.close();
  }

  /** Each client loses its connection and comes back to the other instance, round by round, while events are sent. */
  async play(moves: Moves): Promise<Judgement> {
    const { clients, cluster, sources } = this;
    const { payload, lateRoom, rounds, first, senders = [0, 1, 2] } = moves;
    for (let i = 0; i < moves.clients; i++) {
      if (first !== undefined) this.balancer.sendTo(`user-${i}`, first);
      clients.push(new ReturningClient(this.balancer.url, { ...moves, user: `user-${i}` }));
    }
    await Promise.all(clients.map((client) => client.connected()));
    await Promise.all(clients.map((client) => client.join('lobby')));
    const users = clients.map(({ user }) => user);
    for (const i of senders) {
      const source = new NumberedSource(`instance ${i}`, cluster.instance(i).propagator, payload);
      source.add(TO_ALL, TO_AUTHENTICATED, toUsers(users.slice(0, 3)), toRoom('lobby', users));
      source.add(...users.map(toUser));
      source.start();
      sources.push(source);
    }
    for (let round = 0; round < rounds; round++) {
      if (lateRoom !== undefined && round === Math.floor(rounds / 2)) {
        await Promise.all(clients.map((client) => client.join(lateRoom)));
        for (const source of sources) source.add(toRoom(lateRoom, users));
      }
      await this.toHaveSomething();
      await Promise.all(clients.map((client) => this.move(client, moves)));
    }
    await this.toHaveSomething();
    await Promise.all(sources.map((source) => source.stop()));
    return this.settled();
  }

  /** Waits until each client has an event of its present connection. */
  private async toHaveSomething(): Promise<void> {
    const counts = this.clients.map(({ record }) => record.count);
    await until(
      () => this.clients.every(({ record }, i) => record.count > (counts[i] ?? 0)),
      () => 'an event for each client',
    );
  }

  private async move(client: ReturningClient, { lose = closeBoth }: Moves): Promise<void> {
    const { balancer } = this;
    const connections = client.connections.length;
    balancer.sendTo(client.user, balancer.instanceOf(client.user) === 0 ? 1 : 0);
    await lose(this, client);
    await client.connected(connections + 1);
  }

  /** Waits until nothing is missing, or nothing has come for long, and judges all clients. */
  private async settled(): Promise<Judgement> {
    const judge = (): Judgement => sumOf(this.clients.map((client) => this.judge(client)));
    await until(
      () => judge().missed === 0,
      () => 'all events',
      PATIENCE_MS,
    ).catch(() => 'the test compares the figures');
    await this.cluster.settled();
    for (const client of this.clients) {
      const { twice, outOfOrder, missed } = this.judge(client);
      // The figures alone do not say which event, and when.
      if (twice + outOfOrder + missed > 0)
        process.stderr.write(`${client.user}: ${client.record.story()}\n`);
    }
    return judge();
  }

  judge(client: ReturningClient): Judgement {
    const sent = this.sources.flatMap((source) => [...source.sentTo(client.user)]);
    return client.record.judge(new Map(sent));
  }
}

/** Cuts the connections of a client until it notices; one that polls has none for moments. */
export async function closeBoth({ balancer }: MovingClients, client: ReturningClient) {
  const { engine } = client.socket.io;
  let closed = false;
  engine?.once('close', () => (closed = true));
  await until(
    () => {
      if (!closed) balancer.cut(({ name }) => name === client.user);
      return closed;
    },
    () => `${client.user} to lose its connection`,
  );
}

/** The client notices, the server does not: the connection is half-open. */
export async function standStill({ balancer }: MovingClients, client: ReturningClient) {
  balancer.standStill(({ name }) => name === client.user);
  client.socket.io.engine?.close();
}

/** The expected judgement if each client came back to another instance in each round, and missed nothing. */
export function nothingMissed({ expected }: Judgement, { clients, rounds }: Moves): Judgement {
  const reconnects = clients * rounds;
  return {
    expected,
    delivered: expected,
    twice: 0,
    repeated: 0,
    outOfOrder: 0,
    foreign: 0,
    reconnects,
    recovered: reconnects,
    missed: 0,
  };
}
