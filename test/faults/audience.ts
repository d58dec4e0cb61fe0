import { io, type Socket } from 'socket.io-client';
import { EVENT, roomOf, SENDERS, targetOf, TARGETS, userOf, USERS, type Numbered } from './plan.js';

/** The events of one client, by sender and target, in order of arrival. */
export type Streams = ReadonlyMap<string, number[]>;

export const streamOf = (sender: number, target: string): string => `${sender}:${target}`;

/** A client of each user, on different instances. */
export class Audience {
  private readonly sockets: Socket[] = [];
  private readonly received: Map<string, number[]>[] = [];
  /** Of all clients. */
  count = 0;
  /** Lost connections: a client that was disconnected cannot have received everything. */
  disconnects = 0;

  static async at(urls: readonly string[]): Promise<Audience> {
    const audience = new Audience();
    await Promise.all(
      Array.from({ length: USERS }, (_, i) => audience.connect(i, urls[i % urls.length] ?? '')),
    );
    return audience;
  }

  /** The instance of the client. */
  static instanceOf(client: number): number {
    return client % SENDERS;
  }

  streamsOf(client: number): Streams {
    return this.received[client] ?? new Map();
  }

  close(): void {
    for (const socket of this.sockets) socket.disconnect();
  }

  private async connect(index: number, url: string): Promise<void> {
    const socket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      auth: { token: userOf(index) },
    });
    this.sockets.push(socket);
    const streams = new Map<string, number[]>();
    for (let sender = 0; sender < SENDERS; sender++) {
      for (const target of TARGETS) streams.set(streamOf(sender, target), []);
    }
    this.received[index] = streams;
    socket.on('disconnect', () => this.disconnects++);
    socket.on(EVENT, ({ sender, number }: Numbered) => {
      this.count++;
      streams.get(streamOf(sender, targetOf(number)))?.push(number);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    await socket.timeout(10_000).emitWithAck('join', roomOf(index));
  }
}
