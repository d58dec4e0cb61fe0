import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ClusterNode } from '../../../scripts/redis/topologies/cluster.mjs';

/** The place of the sender's id in each message of the bus. */
const SENDER = [40, 80] as const;

interface Link {
  readonly socket: Socket;
  /** The announced port of the node that is called. */
  readonly to: number;
  /** The id of the node that calls, from its first message. */
  from: string | undefined;
}

/** The bus of a Cluster, over proxies: it can be split. */
export class ClusterBus {
  private readonly servers: Server[] = [];
  private readonly links = new Set<Link>();
  private apart: ClusterNode | undefined;

  /** The port of a new proxy to the bus port of a node. */
  readonly portOf = async (busPort: number): Promise<number> => {
    const server = createServer((socket) => this.link(socket, busPort, own()));
    const own = (): number => (server.address() as AddressInfo).port;
    this.servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return own();
  };

  /** From now on nothing passes between this node and the others. */
  split(apart: ClusterNode): void {
    this.apart = apart;
    for (const link of this.links) this.check(link);
  }

  heal(): void {
    this.apart = undefined;
  }

  close(): void {
    for (const { socket } of this.links) socket.destroy();
    for (const server of this.servers) server.close();
  }

  private link(socket: Socket, busPort: number, to: number): void {
    const link: Link = { socket, to, from: undefined };
    const node = connect(busPort, '127.0.0.1');
    this.links.add(link);
    socket.on('data', (bytes) => {
      link.from ??= bytes.toString('latin1', ...SENDER);
      this.check(link);
      if (!socket.destroyed) node.write(bytes);
    });
    node.on('data', (bytes) => socket.write(bytes));
    const end = (): void => {
      this.links.delete(link);
      socket.destroy();
      node.destroy();
    };
    for (const each of [socket, node]) each.on('close', end).on('error', end);
  }

  private check({ socket, from, to }: Link): void {
    const { apart } = this;
    if (apart === undefined) return;
    if (from === apart.id || to === apart.busPort) socket.destroy();
  }
}
