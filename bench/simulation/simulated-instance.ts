import { Channels } from '../../src/channels/channels.js';
import { ClusterBus } from '../../src/cluster/cluster-bus.js';
import { ClusterRequests } from '../../src/cluster/cluster-requests.js';
import { ClusterService } from '../../src/cluster/cluster.service.js';
import { Membership } from '../../src/cluster/membership.js';
import { RecordCodec } from '../../src/cluster/record-codec.js';
import type { InstanceDescription } from '../../src/cluster/records/record-text.js';
import { resolveOptions, type ResolvedOptions } from '../../src/options/resolve-options.js';
import { createRepair } from '../../src/repair/create-repair.js';
import { Reporter } from '../../src/reporting/reporter.js';
import { EventRouter } from '../../src/routing/event-router.js';
import type { Delivery } from '../../src/routing/local-namespace.js';
import { Telemetry } from '../../src/routing/telemetry.js';
import { StubNamespace } from '../../test/support/stub-namespace.js';
import type { Ledger } from './ledger.js';
import {
  RemoteHistories,
  RemoteRecords,
  SimulatedConnection,
  type SimulatedRedis,
} from './simulated-redis.js';
import { Owner } from './virtual-clock.js';

/**
 * The descriptions in the records that were read. Instances share them: a thousand that read a thousand records each
 * would need gigabytes.
 */
const described = new Map<string, InstanceDescription | undefined>();
const MAX_DESCRIBED = 100_000;
const { decode } = RecordCodec.prototype;
RecordCodec.prototype.decode = function (instanceId, text = '') {
  const key = `${instanceId}${text}`;
  if (described.has(key)) return described.get(key);
  if (described.size >= MAX_DESCRIBED) described.clear();
  const description = decode.call(this, instanceId, text);
  described.set(key, description);
  return description;
};

const silent = { log() {}, warn() {}, error() {} };

/** The default options, but for presence: it has a simulation of its own, `test:models`. */
const OPTIONS: ResolvedOptions = resolveOptions({ presence: false, logger: silent }, silent);

/** One instance: the parts of the library that an app puts together, but for clients and Nest. */
export class SimulatedInstance {
  readonly owner = new Owner();
  readonly connection: SimulatedConnection;
  readonly router: EventRouter;
  readonly cluster: ClusterService;
  private readonly repair: ReturnType<typeof createRepair>;
  private readonly membership: Membership;
  private readonly reporter = new Reporter(silent);
  private readonly close: () => void;
  state: 'running' | 'ended' | 'crashed' = 'running';
  /** Until when nobody could hear from it, in virtual ms. */
  unheardUntil = -Infinity;

  constructor(
    readonly index: number,
    redis: SimulatedRedis,
    private readonly ledger: Ledger,
  ) {
    const { reporter } = this;
    const options = OPTIONS;
    const pubSub = new SimulatedConnection(redis, this.owner, options.publishTimeoutMs);
    const channels = new Channels(pubSub, reporter);
    const router = new EventRouter(pubSub, channels, options, reporter, new Telemetry());
    const { instanceId, namespaces, publisher } = router;
    const bus = new ClusterBus(instanceId, pubSub, channels, options, reporter);
    const { memberTimeoutMs, repair } = options;
    const keptMs = Math.max(memberTimeoutMs, repair?.maxAgeMs ?? 0);
    const records = new RemoteRecords(redis, pubSub, instanceId, { memberTimeoutMs, keptMs });
    const describe = () => ({
      sockets: namespaces.socketCount,
      users: 0,
      sequence: publisher.sequence,
      lanes: publisher.heads(),
    });
    const membership = new Membership({ bus, pubSub, records, describe, reporter }, options);
    membership.wireVersion$.subscribe((version) => router.useWireVersion(version));
    const cluster = new ClusterService(options, membership, reporter);
    const requests = new ClusterRequests(bus, cluster, reporter);
    const histories = new RemoteHistories(pubSub, instanceId);
    const parts = {
      histories,
      pubSub,
      bus,
      requests,
      cluster,
      membership,
      sharedChannels: channels,
    };
    this.repair = createRepair(options, { ...parts, router, reporter });
    this.connection = pubSub;
    this.router = router;
    this.cluster = cluster;
    this.membership = membership;
    this.close = () => {
      router.close();
      this.repair.close();
      requests.close();
      bus.close();
      channels.close();
    };
    namespaces.add(new Listener(roomOf(index).id, (data) => ledger.received(index, data)));
  }

  get id(): string {
    return this.router.instanceId;
  }

  async start(onLost: (id: string) => void): Promise<void> {
    this.cluster.gaps$.subscribe((gap) => this.ledger.gap(this.index, gap));
    this.cluster.changes$.subscribe(({ type, member }) => {
      if (type === 'lost') onLost(member.instanceId);
    });
    await this.connection.connect();
    this.repair.start();
    await this.cluster.start();
    await this.router.hold(roomOf(this.index)).ready;
  }

  /** Sends an event to the room of another instance. */
  send(to: SimulatedInstance): void {
    const entry = this.ledger.sending(this, to);
    const sent = this.router.send(roomOf(to.index), {
      namespace: '/',
      data: ['event', entry.from, entry.number],
    });
    sent.then(
      ({ queued }) => {
        entry.state = queued === true ? 'queued' : 'taken';
      },
      () => {
        entry.state = 'refused';
      },
    );
  }

  /** The sequence of its last event. */
  get sequence(): number {
    return this.router.publisher.sequence;
  }

  get memberCount(): number {
    return this.membership.size;
  }

  /** Whether the instance hears everything, and has nothing more to ask for. */
  get isWhole(): boolean {
    return this.connection.state === 'ready' && !this.repair.status.underway;
  }

  /** The occurrences that the library has reported, by kind. */
  get reports(): Record<string, number> {
    return this.reporter.counts();
  }

  async end(): Promise<void> {
    this.state = 'ended';
    await this.router.drain();
    await this.repair.leave();
    await this.cluster.stop();
    await this.router.drain();
    this.close();
    await this.connection.close();
  }

  crash(): void {
    this.state = 'crashed';
    this.owner.isDead = true;
    this.connection.vanish();
  }
}

const roomOf = (index: number) => ({ kind: 'room' as const, namespace: '/', id: `of-${index}` });

/** The sockets of an instance. */
class Listener extends StubNamespace {
  constructor(
    private readonly room: string,
    private readonly heard: (data: readonly unknown[]) => void,
  ) {
    super('/');
  }

  deliver({ packet, rooms }: Delivery): number {
    if (!rooms.includes(this.room)) return 0;
    this.heard(packet.packet?.data ?? []);
    return 1;
  }
}
