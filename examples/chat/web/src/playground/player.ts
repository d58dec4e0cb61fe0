import { DEMO_PASSWORD } from '../../../shared/rules.js';
import { Chat } from '../chat/chat.js';
import { roomIn } from '../chat/chat-state.js';
import { ask } from '../net/api.js';
import { Connection, type ConnectionState } from '../net/connection.js';
import { Instances } from '../net/instances.js';
import { Session } from '../net/session.js';

export const ROOM = 'playground';

/** A client of the chat without the chat's page: the same connection, rooms and outbox. */
export class Player {
  readonly chat: Chat;
  private readonly connection: Connection;

  private constructor(
    readonly user: string,
    private readonly instances: Instances,
    private readonly session: Session,
    storage: Storage,
  ) {
    this.chat = new Chat({ id: user, name: user }, storage);
    this.connection = new Connection(instances, session);
  }

  /** Logs in at the instance with this URL, and enters the room. */
  static async enter(user: string, url: string, urls: readonly string[]): Promise<Player> {
    const storage = storageInMemory();
    const instances = new Instances(url);
    instances.learn(urls);
    const session = new Session(instances, storage);
    await session.login(user, DEMO_PASSWORD);
    const player = new Player(user, instances, session, storage);
    player.open();
    return player;
  }

  get state(): ConnectionState {
    return this.connection.state.get();
  }

  /** Calls back after each change of the connection or the messages. */
  onChange(listener: () => void): void {
    this.connection.state.subscribe(listener);
    this.chat.state.subscribe(listener);
  }

  /** Whether the room was entered once: messages that are sent afterwards wait if they have to. */
  get isIn(): boolean {
    return roomIn(this.chat.state.get(), ROOM) !== undefined;
  }

  say(text: string): void {
    this.chat.send(ROOM, text);
  }

  /** The messages of the room that this client shows, the oldest first. */
  texts(): string[] {
    const entries = roomIn(this.chat.state.get(), ROOM)?.entries ?? [];
    return entries.flatMap((entry) => (entry.kind === 'message' ? [entry.text] : []));
  }

  /** Kills the instance of this client. It may end before it answers. */
  async kill(): Promise<void> {
    const name = this.state.instance;
    if (name === null) return;
    const token = await this.session.token();
    const path = `/cluster/instances/${name}/kill`;
    await ask(this.instances, { method: 'POST', path, token }).catch(() => undefined);
  }

  /** Attaches the chat to its socket before that connects. */
  private open(): void {
    const socket = this.connection.socket.of('/chat');
    this.chat.attach(socket);
    socket.on('rooms', ({ rooms }) => {
      // The chat enters the rooms that the server knows by itself.
      if (!rooms.includes(ROOM)) void this.chat.join(ROOM);
    });
    this.connection.open();
  }
}

/** Each client of this page has its own session, and a reload starts again. */
function storageInMemory(): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
  };
}
