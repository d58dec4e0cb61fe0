import type { ClientSocket, DeclaredContract } from 'nestjs-redis-propagator-client';
import { isFailure } from '../../../shared/failure.js';
import type { Message, User } from '../../../shared/model.js';
import { FIRST_ROOM } from '../../../shared/rules.js';
import { Store } from '../net/store.js';
import {
  inRoom,
  NO_ROOMS,
  roomIn,
  withMessages,
  withNotice,
  withoutRoom,
  withRoom,
  withTyping,
  type ChatState,
  type Room,
} from './chat-state.js';
import { Outbox } from './outbox.js';

type ChatSocket = ClientSocket<DeclaredContract, '/chat'>;

const ACK_TIMEOUT_MS = 5000;
const NO_ANSWER = 'No answer. Try again.';
/** A user who does not repeat it within this time has stopped typing. */
const TYPING_MS = 4000;

/** The rooms of the user, with their messages. Lives longer than a connection. */
export class Chat {
  readonly state = new Store<ChatState>(NO_ROOMS);
  readonly outbox: Outbox;
  private socket?: ChatSocket;
  /** The rooms of the connection that was lost. */
  private inside: readonly string[] = [];

  constructor(
    private readonly me: User,
    storage: Storage,
  ) {
    this.outbox = new Outbox(storage, `relay.outbox.${me.id}`, {
      sent: (message) => this.received(message),
      shutOut: (room) => void this.keepOpening(room),
      refused: ({ room, text }, refusal) => {
        // Back into the input, before any text written since.
        this.change(room, ({ draft, ...rest }) => ({
          ...rest,
          refusal,
          draft: draft === '' ? text : `${text}\n${draft}`,
        }));
      },
    });
  }

  /** Follows a socket; call the result to stop. */
  attach(socket: ChatSocket): () => void {
    this.socket = socket;
    this.outbox.use(socket);
    const listeners = {
      rooms: ({ rooms }: { rooms: string[] }) => this.enter(rooms),
      message: (message: Message) => this.received(message),
      'user-joined': ({ room, user }: { room: string; user: User }) =>
        this.change(room, (old) => withNotice(old, user, 'joined')),
      'user-left': ({ room, user }: { room: string; user: User }) =>
        this.change(room, (old) => withTyping(withNotice(old, user, 'left'), user, null)),
      typing: ({ room, user, typing }: { room: string; user: User; typing: boolean }) =>
        this.typed(room, user, typing),
      'joined-room': ({ room }: { room: string }) => void this.keepOpening(room),
      'left-room': ({ room }: { room: string }) => this.forget(room),
      draft: (draft: { room: string; text: string; socketId: string }) => {
        if (draft.socketId === socket.id) return;
        this.change(draft.room, (old) => ({ ...old, draft: draft.text, refusal: [] }));
      },
      disconnect: () => {
        this.outbox.use(socket);
        this.leftBehind();
      },
    } as const;
    const events = Object.entries(listeners) as [keyof typeof listeners, never][];
    for (const [event, listener] of events) socket.on(event, listener);
    const ignoreRecovery = socket.onRecovered(() => this.resume());
    return () => {
      ignoreRecovery();
      for (const [event, listener] of events) socket.off(event, listener);
      this.leftBehind();
    };
  }

  /** @returns the error, or null */
  async join(name: string): Promise<string | null> {
    const problem = await this.open(name);
    if (problem === null) this.show(name);
    return problem;
  }

  async leave(room: string): Promise<void> {
    const answer = await this.socket
      ?.timeout(ACK_TIMEOUT_MS)
      .emitWithAck('leave', { room })
      .catch(() => undefined);
    if (answer !== undefined && !isFailure(answer)) this.forget(room);
  }

  show(room: string): void {
    this.state.update((state) => ({
      ...inRoom(state, room, (old) => ({ ...old, unread: 0 })),
      active: room,
    }));
  }

  /** The page is visible again. */
  seen(): void {
    const { active } = this.state.get();
    if (active !== null) this.show(active);
  }

  send(room: string, text: string): void {
    this.change(room, (old) => ({ ...old, draft: '', refusal: [] }));
    this.outbox.add(room, text);
    this.socket?.volatile.emit('typing', { room, typing: false });
  }

  draft(room: string, text: string): void {
    this.change(room, (old) => ({ ...old, draft: text, refusal: [] }));
  }

  /** Tells the user's other tabs. */
  shareDraft(room: string, text: string): void {
    if (this.socket?.connected) this.socket.emit('draft', { room, text });
  }

  typing(room: string, typing: boolean): void {
    this.socket?.volatile.emit('typing', { room, typing });
  }

  private enter(rooms: string[]): void {
    const { known, rooms: before } = this.state.get();
    this.state.update((state) => ({ ...state, known: true }));
    const wanted = new Set(!known && rooms.length === 0 ? [FIRST_ROOM] : rooms);
    for (const { name } of before) {
      // If the server knows of no room at all, its Redis has lost its data. Otherwise the user has left this one in
      // another tab, while this tab was disconnected.
      if (rooms.length === 0 || this.outbox.has(name)) wanted.add(name);
      else if (!wanted.has(name)) this.forget(name);
    }
    for (const room of wanted) {
      // A recovered connection is in its rooms, and gets the missed messages without their history.
      if (rooms.length === 0 || roomIn(this.state.get(), room)?.joined !== true)
        void this.keepOpening(room);
    }
  }

  /** The recovered connection is in the rooms of the lost one. */
  private resume(): void {
    for (const name of this.inside) {
      this.change(name, (room) => ({ ...room, joined: true }));
      this.outbox.opened(name);
    }
  }

  /** Messages to a room wait until it is joined: a slow server is asked again. */
  private async keepOpening(name: string): Promise<void> {
    const { socket } = this;
    const problem = await this.open(name);
    if (problem !== NO_ANSWER || socket !== this.socket || !socket?.connected) return;
    await this.keepOpening(name);
  }

  private async open(name: string): Promise<string | null> {
    const { socket } = this;
    if (socket === undefined) return 'There is no connection.';
    const answer = await socket
      .timeout(ACK_TIMEOUT_MS)
      .emitWithAck('join', { room: name })
      .catch(() => undefined);
    if (answer === undefined || socket !== this.socket) return NO_ANSWER;
    if (isFailure(answer)) return [answer.message].flat().join(', ');
    this.state.update((state) =>
      withRoom(state, answer.room, (room) => ({
        ...withMessages(room, answer.history),
        joined: true,
        members: answer.members,
      })),
    );
    // A message of this client in the history may have reached nobody else: its instance crashed after it had stored
    // the message. It is sent again until it is acknowledged, and the room gets it then.
    this.outbox.opened(answer.room);
    return null;
  }

  private received(message: Message): void {
    const mine = message.user.id === this.me.id;
    if (mine) this.outbox.seen(message.clientId);
    this.state.update((state) =>
      inRoom(state, message.room, (room) => {
        const known = room.entries.some(({ id }) => id === message.id);
        const missed = !known && !mine && (state.active !== message.room || document.hidden);
        const next = withTyping(withMessages(room, [message]), message.user, null);
        return missed ? { ...next, unread: room.unread + 1 } : next;
      }),
    );
  }

  private typed(room: string, user: User, typing: boolean): void {
    if (user.id === this.me.id) return;
    const until = typing ? Date.now() + TYPING_MS : null;
    this.change(room, (old) => withTyping(old, user, until));
    if (until === null) return;
    setTimeout(() => {
      const typist = roomIn(this.state.get(), room)?.typing.find((one) => one.user.id === user.id);
      if (typist?.until === until) this.change(room, (old) => withTyping(old, user, null));
    }, TYPING_MS);
  }

  private forget(room: string): void {
    this.outbox.closed(room);
    this.state.update((state) => withoutRoom(state, room));
  }

  private leftBehind(): void {
    this.inside = this.state.get().rooms.flatMap(({ name, joined }) => (joined ? [name] : []));
    this.state.update((state) => ({
      ...state,
      rooms: state.rooms.map((room) => ({ ...room, joined: false, typing: [] })),
    }));
  }

  private change(room: string, change: (room: Room) => Room): void {
    this.state.update((state) => inRoom(state, room, change));
  }
}
