import { io, type Socket } from 'socket.io-client';
import { EVENT, roomOf, SENDERS, targetOf, TARGETS, userOf, USERS, type Numbered } from './plan.js';

/** The events of one client, by sender and target, in order of arrival. */
export type Streams = ReadonlyMap<string, number[]>;

export const streamOf = (sender: number, target: string): string => `${sender}:${target}`;

/** Minutes, seconds and milliseconds, as in the notes of the instances. */
export const clock = (at: number): string => new Date(at).toISOString().slice(14, 23);

/** A client of each user, on different instances. */
export class Audience {
  private readonly sockets: Socket[] = [];
  private readonly received: Map<string, number[]>[] = [];
  /** Of all clients. */
  count = 0;
  /** Lost connections: a client that was disconnected cannot have received everything. */
  readonly disconnects: string[] = [];
  /** When a client first received an event, by sender and number. */
  private readonly firstArrivals = Array.from({ length: SENDERS }, () => new Map<number, number>());

  static async at(urls: readonly string[]): Promise<Audience> {
    const audience = new Audience();
    const connecting = Array.from({ length: USERS }, (_, i) =>
      audience.connect(i, urls[i % urls.length] ?? ''),
    );
    try {
      await Promise.all(connecting);
    } catch (error) {
      audience.close();
      throw error;
    }
    return audience;
  }

  /** The instance of the client. */
  static instanceOf(client: number): number {
    return client % SENDERS;
  }

  streamsOf(client: number): Streams {
    return this.received[client] ?? new Map();
  }

  /** When the first client received the event. */
  arrivalOf(sender: number, number: number): number | undefined {
    return this.firstArrivals[sender]?.get(number);
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
    socket.on('disconnect', (reason) => {
      this.disconnects.push(
        `client ${index} of instance ${Audience.instanceOf(index)} at ${clock(Date.now())}: ${reason}`,
      );
    });
    socket.on(EVENT, ({ sender, number }: Numbered) => {
      this.count++;
      const arrivals = this.firstArrivals[sender];
      if (arrivals?.has(number) === false) arrivals.set(number, Date.now());
      streams.get(streamOf(sender, targetOf(number)))?.push(number);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    await socket.timeout(10_000).emitWithAck('join', roomOf(index));
  }
}
