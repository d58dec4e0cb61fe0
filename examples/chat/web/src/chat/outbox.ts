import type { ClientSocket, DeclaredContract } from 'nestjs-redis-propagator-client';
import { isFailure } from '../../../shared/failure.js';
import type { Message } from '../../../shared/model.js';
import { Store } from '../net/store.js';

export interface Unsent {
  readonly room: string;
  readonly text: string;
  readonly clientId: string;
  readonly at: number;
}

interface Outcome {
  readonly sent: (message: Message) => void;
  readonly refused: (unsent: Unsent, why: string[]) => void;
  /** The server says that the user is not a member of the room, as when its Redis has lost its data. */
  readonly shutOut: (room: string) => void;
}

const ACK_TIMEOUT_MS = 5000;
const PAUSE_MS = 1000;

/**
 * Keeps each message until the server has acknowledged it, over reconnects, moves to other instances and reloads. A
 * message that is sent twice because an acknowledgement was lost has the same `clientId`, so the server stores it
 * once.
 */
export class Outbox {
  readonly unsent: Store<readonly Unsent[]>;
  private socket?: ClientSocket<DeclaredContract, '/chat'>;
  private readonly rooms = new Set<string>();
  private busy = false;

  constructor(
    private readonly storage: Storage,
    private readonly key: string,
    private readonly outcome: Outcome,
  ) {
    this.unsent = new Store(read(storage, key));
  }

  add(room: string, text: string): void {
    const unsent = { room, text, clientId: crypto.randomUUID(), at: Date.now() };
    this.keep([...this.unsent.get(), unsent]);
    void this.flush();
  }

  /** Whether a room has unacknowledged messages. */
  has(room: string): boolean {
    return this.unsent.get().some((unsent) => unsent.room === room);
  }

  /** From now on messages go over this socket, to the rooms that are `opened` on it. */
  use(socket: ClientSocket<DeclaredContract, '/chat'>): void {
    this.socket = socket;
    this.rooms.clear();
  }

  opened(room: string): void {
    this.rooms.add(room);
    void this.flush();
  }

  closed(room: string): void {
    this.rooms.delete(room);
    this.keep(this.unsent.get().filter((unsent) => unsent.room !== room));
  }

  /** A message that arrived in another way than by its acknowledgement. */
  seen(clientId: string): void {
    const unsent = this.unsent.get();
    if (unsent.some((one) => one.clientId === clientId)) {
      this.keep(unsent.filter((one) => one.clientId !== clientId));
    }
  }

  /** One after the other, so that they arrive in the order of writing. */
  private async flush(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let next = this.next(); next !== undefined; next = this.next()) await this.send(next);
    } finally {
      this.busy = false;
    }
  }

  private next(): Unsent | undefined {
    if (this.socket?.connected !== true) return undefined;
    return this.unsent.get().find(({ room }) => this.rooms.has(room));
  }

  private async send(unsent: Unsent): Promise<void> {
    const { room, text, clientId } = unsent;
    const { socket } = this;
    const answer = await socket
      ?.timeout(ACK_TIMEOUT_MS)
      .emitWithAck('message', { room, text, clientId })
      .catch(() => undefined);
    if (answer !== undefined && !isFailure(answer)) {
      this.seen(clientId);
      this.outcome.sent(answer);
    } else if (answer?.code === 'validation') {
      // Sending it again would not help.
      this.seen(clientId);
      this.outcome.refused(unsent, [answer.message].flat());
    } else if (answer?.code === 'room.not-a-member') {
      this.rooms.delete(room);
      this.outcome.shutOut(room);
    } else if (socket?.connected) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  private keep(unsent: readonly Unsent[]): void {
    this.storage.setItem(this.key, JSON.stringify(unsent));
    this.unsent.set(unsent);
  }
}

function read(storage: Storage, key: string): readonly Unsent[] {
  try {
    return JSON.parse(storage.getItem(key) ?? '[]') as Unsent[];
  } catch {
    return [];
  }
}
