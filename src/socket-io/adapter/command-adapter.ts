import type { Namespace, Socket, Server } from 'socket.io';
import type { Adapter, BroadcastOptions } from 'socket.io-adapter';
import type { ClusterCount } from '../../cluster/cluster-result.js';
import { reasonOf } from '../../errors.js';
import { shown, misused } from '../../options/checks.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { LocalNamespace } from '../../routing/local-namespace.js';
import { checkSentName } from '../../routing/outgoing-event.js';
import { invalidRoom, normaliseOptions, roomNames } from '../../routing/room-names.js';
import type { SocketSelector, EventToAcknowledge } from '../../routing/socket-selector.js';
import { isLonger } from '../../wire/channel-names.js';
import type { AckRequests } from '../commands/ack-requests.js';
import type { NamespaceServices } from './namespace-services.js';
import { nextTick } from '../../reporting/timers.js';

export type AdapterConstructor = new (nsp: Namespace) => Adapter;

/** @internal */
export interface CommandAdapter extends Adapter {
  /** The sockets of this namespace on this instance. */
  readonly endpoint: LocalNamespace;
  /** The rooms of all instances. */
  allRooms(): Promise<Set<string>>;
}

/** Calls that return nothing act on the sockets of this instance even if the other instances cannot be asked. */
const LOCAL_ANYWAY = true;

type Packet = Parameters<Adapter['broadcast']>[0];

/**
 * Adds commands and queries for the sockets of all instances to Socket.IO's in-memory adapter. With the flag `local` they
 * stay on this instance, as in the base class.
 *
 * @internal
 */
export function commandAdapter(
  Base: AdapterConstructor,
  { acks, cluster, commands, reporter, ackTimeoutMs, limits: { nameBytes } }: NamespaceServices,
): abstract new (nsp: Namespace) => CommandAdapter {
  const invalid = (room: unknown): void => invalidRoom(reporter, room);
  const normal = (options: BroadcastOptions) => normaliseOptions(options, invalid);
  abstract class Commands extends Base implements CommandAdapter {
    abstract readonly endpoint: LocalNamespace;

    private selected(known: Required<BroadcastOptions>): Socket[] {
      return this.endpoint.select(this.selectorOf(known));
    }

    /** The callback of the call gets the error, see default-ack-timeout.ts. */
    override broadcastWithAck(...call: Parameters<Adapter['broadcastWithAck']>): void {
      try {
        this.askAll(...call);
      } catch (error) {
        reporter.report('emit.refused', () => reasonOf(error));
        throw error;
      }
    }

    private askAll(
      packet: Packet,
      options: BroadcastOptions,
      onClientCount: (count: number) => void,
      onAnswer: (answer: unknown) => void,
    ): void {
      checkSentName(packet.data as unknown[]);
      const known = normal(options);
      const servers = cluster.otherMembers().length + 1;
      const question = known && {
        ...this.selectorOf(known),
        data: packet.data,
        volatile: known.flags.volatile ?? false,
        compress: known.flags.compress ?? true,
        timeoutMs: known.flags.timeout ?? ackTimeoutMs,
      };
      if (question !== undefined && known?.flags.local === true) {
        const asked = this.endpoint.ask(question, (_, answer) => onAnswer(answer));
        onClientCount(asked.socketIds.length);
        // The operator waits for the count of each server; the other servers have no sockets to ask.
        for (let server = 1; server < servers; server++) onClientCount(0);
        return;
      }
      const single = (options.flags as { expectSingleResponse?: boolean }).expectSingleResponse;
      broadcastWithAck(acks, reporter, question, {
        servers,
        single: single === true,
        onClientCount,
        onAnswer,
      });
    }

    /** How many instances there are, this one included. */
    override serverCount(): Promise<number> {
      return Promise.resolve(cluster.otherMembers().length + 1);
    }

    // As in the base class: local sockets and details of remote ones in one list.
    // oxlint-disable-next-line typescript/no-explicit-any
    override async fetchSockets(options: BroadcastOptions): Promise<any[]> {
      const known = normal(options);
      if (known === undefined) return [];
      if (known.flags.local === true) return this.selected(known);
      const { local, items, missing, complete } = await commands.fetch(this.selectorOf(known));
      if (!complete) warnOfMissing('fetchSockets', missing);
      return [...local, ...items];
    }

    override async sockets(rooms: Set<string>): Promise<Set<string>> {
      const known = normal({ rooms });
      if (known === undefined) return new Set();
      const { items, missing, complete } = await commands.ids(this.selectorOf(known));
      if (!complete) warnOfMissing('allSockets', missing);
      return new Set(items);
    }

    async allRooms(): Promise<Set<string>> {
      const { items, missing, complete } = await commands.rooms((this.nsp as Namespace).name);
      if (!complete) warnOfMissing('allRooms', missing);
      return new Set(items);
    }

    override addSockets(options: BroadcastOptions, rooms: unknown[]): void {
      const known = normal(options);
      if (known === undefined) return;
      const names = roomNames(rooms, invalid).filter(isShort);
      if (known.flags.local === true) this.each(known, (socket) => socket.join(names));
      else watch('socketsJoin', commands.join(this.selectorOf(known), names, LOCAL_ANYWAY));
    }

    override delSockets(options: BroadcastOptions, rooms: unknown[]): void {
      const known = normal(options);
      if (known === undefined) return;
      const names = roomNames(rooms, invalid);
      if (known.flags.local === true) {
        for (const name of names) this.each(known, (socket) => socket.leave(name));
      } else watch('socketsLeave', commands.leave(this.selectorOf(known), names, LOCAL_ANYWAY));
    }

    override disconnectSockets(options: BroadcastOptions, close: boolean): void {
      const known = normal(options);
      if (known === undefined) return;
      if (known.flags.local === true) this.each(known, (socket) => socket.disconnect(close));
      else {
        const command = commands.disconnect(this.selectorOf(known), { close }, LOCAL_ANYWAY);
        watch('disconnectSockets', command);
      }
    }

    /** Calls `act` with each selected socket. A listener of the app that throws does not keep it from the other sockets. */
    private each(known: Required<BroadcastOptions>, act: (socket: Socket) => unknown): void {
      for (const socket of this.selected(known)) {
        reporter.attempt(
          'listener.failed',
          () => `socket ${socket.id}`,
          () => act(socket),
        );
      }
    }

    private selectorOf({ rooms, except }: Required<BroadcastOptions>): SocketSelector {
      return { namespace: (this.nsp as Namespace).name, rooms: [...rooms], except: [...except] };
    }
  }
  return Commands;

  function isShort(room: string): boolean {
    if (!isLonger(room, nameBytes)) return true;
    reporter.report(
      'name.too-long',
      () => `sockets were kept out of room ${shown(room)}: more than limits.nameBytes`,
    );
    return false;
  }

  /** Reports the failure of a call that returns nothing to the app. */
  function watch(call: string, command: Promise<ClusterCount>): void {
    command.then(
      ({ complete, missing }) => {
        if (!complete) warnOfMissing(call, missing);
      },
      (error: unknown) => reporter.report('emit.refused', () => `${call}: ${reasonOf(error)}`),
    );
  }

  function warnOfMissing(call: string, missing: readonly string[]): void {
    reporter.report(
      'request.incomplete',
      () => `${call}: no reply from ${missing.join(', ') || 'the other instances'}`,
    );
  }
}

interface Operator {
  /** The number of servers that `serverCount()` gave it. */
  readonly servers: number;
  /** Whether it expects one answer, from one socket. */
  readonly single: boolean;
  readonly onClientCount: (count: number) => void;
  readonly onAnswer: (answer: unknown) => void;
}

/**
 * Runs a broadcast with acknowledgements for Socket.IO's BroadcastOperator. The operator expects one `onClientCount` per
 * server, then that many answers, and otherwise its timeout. It asks for the number of servers in the same tick. It gets
 * all counts at once, when every instance has named the sockets that it asked. If an instance does not, or if the single
 * socket has left, the operator gets no count and reports its timeout with the answers so far: never success with answers
 * missing.
 */
function broadcastWithAck(
  acks: AckRequests,
  reporter: Reporter,
  question: EventToAcknowledge | undefined,
  { servers, single, onClientCount, onAnswer }: Operator,
): void {
  let clients = 0;
  const finish = (): void => {
    if (single && clients === 0) return;
    onClientCount(clients);
    for (let server = 1; server < servers; server++) onClientCount(0);
  };
  const failed = (error: unknown): void => reporter.report('emit.refused', () => reasonOf(error));
  if (question === undefined) {
    // Rooms that cannot exist have no clients. Deferred, because the operator does not know the number of servers yet.
    nextTick(failed, finish);
    return;
  }
  acks
    .ask(question, {
      onAsked: (_, socketIds) => {
        clients += socketIds.length;
      },
      onAnswer: (_, __, answer) => onAnswer(answer),
      onAllAsked: finish,
    })
    .catch(failed);
}

type SetAdapter = (this: Server, adapter?: unknown) => unknown;

/**
 * The adapter of a server before it is installed: one of Socket.IO's in-memory adapters, or a class that extends one.
 *
 * @throws PropagatorError `option.invalid` if it has a transport of its own, as with createAdapter() of the Redis adapters
 * @internal
 */
export function inMemoryAdapterOf(server: Server): AdapterConstructor {
  const adapter = server.adapter() as unknown as AdapterConstructor;
  const { prototype } = adapter as { prototype?: { broadcast?: unknown } };
  if (typeof prototype?.broadcast !== 'function') throw foreign();
  return adapter;
}

/** Refuses any other adapter from now on: it would take the server out of the cluster. @internal */
export function keepAdapter(server: Server): void {
  const { adapter } = server as unknown as { readonly adapter: SetAdapter };
  const guarded: SetAdapter = function (this: Server, given) {
    if (given !== undefined) throw foreign();
    return adapter.call(this);
  };
  Object.assign(server, { adapter: guarded });
}

function foreign(): Error {
  return misused(
    'adapter',
    'another adapter of Socket.IO',
    'Leave it out, here and in server.adapter(): SocketStateAdapter brings its own, and with two of them clients would get each event several times.',
  );
}
