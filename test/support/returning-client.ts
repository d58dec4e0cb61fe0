import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { DeliveryRecord } from './delivery-record.mjs';
import { PATIENCE_MS, until } from './until.js';

/** The event that a {@link ReturningClient} records: the stream of the sender and the target, and its number in it. */
export const NUMBERED = 'numbered';
export type Numbered = readonly [stream: string, number: number, ...rest: unknown[]];

export interface ReturningClientOptions {
  /** The user, which is also the client's name at the balancer. */
  readonly user: string;
  readonly transport?: 'websocket' | 'polling';
  /** The time after which a client that was cut off connects again. */
  readonly awayMs?: number;
  readonly socket?: Partial<ManagerOptions & SocketOptions>;
  /** The stream and the number in the data of an event. */
  readonly read?: (data: never) => readonly [stream: string, number: number];
}

/** An unmodified Socket.IO client that connects again by itself, and records the numbered events. */
export class ReturningClient {
  readonly record = new DeliveryRecord();
  readonly socket: Socket;
  readonly user: string;
  /** The data of the numbered events that the client received. */
  readonly received: Numbered[] = [];
  private readonly rooms = new Set<string>();
  /** Rooms in which the server has put the client. */
  private readonly joined = new Set<string>();
  /** For each connection, whether it was recovered. */
  readonly connections: boolean[] = [];

  constructor(
    url: string,
    {
      user,
      transport = 'websocket',
      awayMs = 100,
      socket = {},
      read = ([stream, number]: Numbered) => [stream, number] as const,
    }: ReturningClientOptions,
  ) {
    this.user = user;
    this.socket = io(url, {
      transports: [transport],
      forceNew: true,
      auth: { token: user },
      query: { client: user },
      reconnectionDelay: awayMs,
      reconnectionDelayMax: awayMs,
      randomizationFactor: 0,
      ...socket,
    });
    this.socket.on('connect', () => {
      // `recovered` is undefined in the first connection.
      const { recovered = false } = this.socket as Partial<Socket>;
      this.connections.push(recovered);
      this.record.connected(recovered);
      if (!recovered) this.joined.clear();
      this.enterRooms();
    });
    this.socket.on('disconnect', (reason) => this.record.disconnected(reason));
    this.socket.on(NUMBERED, (data: Numbered) => {
      this.received.push(data);
      const [stream, number] = read(data as never);
      this.record.received(stream, number);
    });
  }

  async connected(connections = 1): Promise<void> {
    await until(
      () => this.connections.length >= connections && this.socket.connected,
      () => `connection ${connections} of ${this.user}, had ${String(this.connections)}`,
      3 * PATIENCE_MS,
    );
  }

  /** Joins a room, and again in each new session. */
  async join(room: string): Promise<void> {
    this.rooms.add(room);
    this.enterRooms();
    await until(
      () => this.joined.has(room),
      () => `${this.user} to be in the room`,
    );
  }

  /** An answer may be lost with the connection; then the next connection asks again. */
  private enterRooms(): void {
    // Packets of an earlier connection would be sent in the next one.
    if (!this.socket.connected) return;
    for (const room of this.rooms) {
      if (!this.joined.has(room)) this.socket.emit('join', room, () => this.joined.add(room));
    }
  }

  close(): void {
    this.socket.disconnect();
  }
}
