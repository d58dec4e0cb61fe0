import calculateSlot from 'cluster-key-slot';
import { PropagatorError } from '../errors.js';
import { ClusterTopology } from './cluster-topology.js';
import type { ClusterClient } from './ioredis-internals.js';
import { checkRegularly } from './liveness.js';
import { quit } from './quit.js';
import { Shard } from './shard.js';
import type { Subscriber, SubscriberHandlers, SubscriberRole } from './subscriber.js';
import { Waiters } from './waiters.js';
import { after } from '../reporting/timers.js';

/** How many checks of the connections pass between refreshes of the slots while nothing seems wrong. */
const CHECKS_PER_REFRESH = 5;
/** While something is wrong: the first delay, doubled each time up to the maximum. */
const HEAL_MS = [250, 2_000] as const;

interface ClusterClients {
  readonly publisher: ClusterClient;
  /** Only asked for the addresses of the masters. */
  readonly subscriber: ClusterClient;
  /** Whether to close the subscriber with this object, and to reset both clients. */
  readonly owned: boolean;
}

interface Slot {
  readonly channels: Set<string>;
  shard: Shard | undefined;
}

/**
 * Sharded Pub/Sub: one connection of our own to each master of a Cluster, with the channels of its slots; for requests and
 * replies only to the masters that have their channels. ioredis' own sharded subscribers resubscribe as well, but report
 * neither whether that succeeded nor that a node was lost.
 *
 * @internal
 */
export class ShardedSubscriber implements Subscriber {
  private readonly shards = new Map<string, Shard>();
  /** The wanted channels. When a slot moves to another node, its channels move as well. */
  private readonly slots = new Map<number, Slot>();
  private readonly waiters: Waiters;
  private readonly topology: ClusterTopology;
  private readonly publisherTopology: ClusterTopology;
  /** Whether the publisher also knows the current nodes of the slots. */
  private agreed = false;
  private checks: NodeJS.Timeout | undefined;
  private checkCount = 0;
  private healing: NodeJS.Timeout | undefined;
  private healMs: number = HEAL_MS[0];

  constructor(
    private readonly clients: ClusterClients,
    private readonly subscribeTimeoutMs: number,
    private readonly handlers: SubscriberHandlers,
    private readonly role: SubscriberRole = 'subscriber',
  ) {
    const { publisher, subscriber, owned } = clients;
    const overdue = (channel: string, error: PropagatorError): void =>
      this.slots.get(calculateSlot(channel))?.shard?.connection.overdue(channel, error);
    this.waiters = new Waiters(subscribeTimeoutMs, overdue, handlers.threw);
    this.topology = new ClusterTopology(
      subscriber,
      owned,
      () => this.follow(),
      (error) => handlers.error(error),
      handlers.threw,
    );
    const changed = (): void => {
      this.agreed = false;
      this.report();
    };
    this.publisherTopology = new ClusterTopology(
      publisher,
      owned,
      changed,
      () => {},
      handlers.threw,
    );
  }

  start(): void {
    if (this.checks !== undefined) return;
    this.topology.open();
    this.publisherTopology.open();
    this.checks = checkRegularly(() => this.check(), this.handlers.threw);
    if (this.topology.known) this.follow();
  }

  isSubscribed(channel: string): boolean {
    const shard = this.slots.get(calculateSlot(channel))?.shard;
    return shard?.isSubscribed(channel) ?? false;
  }

  isCounted(channel: string): boolean {
    return this.shardOf(calculateSlot(channel))?.connection.isCounted(channel) ?? false;
  }

  subscribe(channel: string): Promise<void> {
    const number = calculateSlot(channel);
    let slot = this.slots.get(number);
    if (slot === undefined) {
      slot = { channels: new Set(), shard: this.shardFor(number) };
      this.slots.set(number, slot);
    }
    slot.channels.add(channel);
    if (slot.shard?.connection.want(channel)) return Promise.resolve();
    return this.waiters.add(channel);
  }

  unsubscribe(channel: string): void {
    const number = calculateSlot(channel);
    const slot = this.slots.get(number);
    if (!slot?.channels.delete(channel)) return;
    if (slot.channels.size === 0) this.slots.delete(number);
    if (slot.shard === undefined) this.waiters.resolve(channel);
    else slot.shard.connection.unsubscribe(channel);
  }

  reconnect(): void {
    for (const shard of this.shards.values()) shard.reconnect();
  }

  probes(channel: string): string[] {
    return [...this.shards.keys()].map((master) => {
      for (let number = 0; ; number++) {
        const name = `${channel}:${number}`;
        if (this.topology.masterOf(calculateSlot(name)) === master) return name;
      }
    });
  }

  async probe(channel: string, during?: () => Promise<void>): Promise<boolean> {
    const shard = this.shardOf(calculateSlot(channel));
    return shard?.connected === true && (await shard.connection.probe(channel, during));
  }

  async close(): Promise<void> {
    clearInterval(this.checks);
    this.checks = undefined;
    clearTimeout(this.healing);
    this.topology.close();
    this.publisherTopology.close();
    const shards = [...this.shards.values()];
    this.shards.clear();
    this.slots.clear();
    this.waiters.rejectAll(() => PropagatorError.of('redis.closed', []));
    await Promise.all(shards.map((shard) => shard.close()));
    // A borrowed client has nothing of ours except the listeners.
    if (this.clients.owned) await quit(this.clients.subscriber);
  }

  private isWanted(channel: string): boolean {
    return this.slots.get(calculateSlot(channel))?.channels.has(channel) ?? false;
  }

  private shardOf(slot: number): Shard | undefined {
    return this.shards.get(this.topology.masterOf(slot) ?? '');
  }

  /** Opens the connection if this is the first channel of its master. */
  private shardFor(slot: number): Shard | undefined {
    const master = this.topology.masterOf(slot);
    if (master !== undefined && this.checks !== undefined && !this.shards.has(master))
      this.add(master);
    return this.shardOf(slot);
  }

  /** The masters to which a connection is needed. */
  private neededMasters(): Set<string> {
    const all = this.topology.masters();
    if (this.role === 'subscriber') return all;
    const needed = new Set<string>();
    for (const slot of this.slots.keys()) {
      const master = this.topology.masterOf(slot);
      if (master !== undefined && all.has(master)) needed.add(master);
    }
    return needed;
  }

  /** Makes the connections and their channels match the topology. */
  private follow(): void {
    const masters = this.neededMasters();
    for (const [master, shard] of this.shards) {
      if (masters.has(master)) continue;
      this.shards.delete(master);
      shard.close().catch(this.handlers.threw);
    }
    for (const master of masters) if (!this.shards.has(master)) this.add(master);
    const moved = new Set<number>();
    for (const [number, slot] of this.slots) {
      const shard = this.shardOf(number);
      if (shard === slot.shard) continue;
      if (slot.shard !== undefined) moved.add(number);
      move(slot, shard);
    }
    this.interrupted(moved);
    this.agreed = false;
    this.report();
  }

  private add(master: string): void {
    const node = this.topology.node(master);
    if (node === undefined) return;
    const shard: Shard = new Shard(node, this.role, this.subscribeTimeoutMs, this.waiters, {
      changed: () => {
        if (this.shards.get(master) === shard) this.report();
      },
      interrupted: () => {
        const numbers = [...this.slots].filter(([, slot]) => slot.shard === shard);
        this.interrupted(new Set(numbers.map(([number]) => number)));
      },
      missed: this.handlers.interrupted,
      message: this.handlers.message,
      dropped: this.handlers.dropped,
      stray: (channel, message) => {
        // While a slot moves, its old master accepts publishes until it knows. An SUNSUBSCRIBE takes a moment, too.
        if (this.isWanted(channel)) this.handlers.message(channel, message);
      },
      error: this.handlers.error,
      opened: this.handlers.opened,
      threw: this.handlers.threw,
      // If the topology does not explain why channels were dropped, they are requested again.
      moved: () => {
        void this.refresh().then(() => {
          this.attempt(() => shard.settleDoubts());
          this.attempt(() => this.report());
        });
      },
    });
    this.shards.set(master, shard);
  }

  private interrupted(slots: ReadonlySet<number>): void {
    if (slots.size === 0) return;
    this.handlers.interrupted((channel) => slots.has(calculateSlot(channel)));
  }

  private report(): void {
    const isControl = this.role === 'control';
    const shards = [...this.shards.values()];
    // A first request or reply opens a connection, which does not mean that one was lost.
    const failed = shards.find(
      ({ state, isNew }) => !state.subscribed && !(isControl && isNew),
    )?.state;
    const isOpen = shards.length > 0 || (isControl && this.slots.size === 0 && this.topology.known);
    const subscribed = isOpen && failed === undefined;
    if (subscribed) this.agreed ||= this.topology.agreesWith(this.publisherTopology);
    this.handlers.changed(subscribed && this.agreed, failed?.reason);
    if (!subscribed || !this.agreed) this.heal();
    else this.healMs = HEAL_MS[0];
  }

  private check(): void {
    for (const shard of this.shards.values()) this.attempt(() => shard.check());
    // The events' subscriber has the same clients, and refreshes them.
    if (this.role === 'control') return;
    if (++this.checkCount % CHECKS_PER_REFRESH === 0) void this.refresh();
  }

  /** Refreshes both topologies: the publisher would otherwise notice a moved slot only when a command fails. */
  private async refresh(): Promise<void> {
    const asked = [this.topology, this.publisherTopology].map((topology) => topology.refresh());
    await Promise.all(asked.map((answer) => answer.catch(this.handlers.threw)));
  }

  /** Catches errors of a client: in a timer they would end the process, and keep the other shards from their turn. */
  private attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.handlers.threw(error);
    }
  }

  /** Refreshes the topology until every shard is healthy: a failover takes time, and nothing announces it. */
  private heal(): void {
    if (this.healing !== undefined || this.checks === undefined) return;
    this.healing = after(this.healMs, this.handlers.threw, () => {
      void this.refresh().then(() => {
        this.healing = undefined;
        this.healMs = Math.min(this.healMs * 2, HEAL_MS[1]);
        for (const shard of this.shards.values()) this.attempt(() => shard.settleDoubts());
        this.attempt(() => this.report());
      });
    });
  }
}

/** The old node needs no command: it drops the channels of a slot that it gives away. */
function move(slot: Slot, to: Shard | undefined): void {
  if (slot.shard?.closed === false) {
    for (const channel of slot.channels) slot.shard.connection.drop(channel);
  }
  to?.expect(slot.channels);
  slot.shard = to;
}
