import { compareMessages } from '../../../shared/message-order.js';
import type { Message, User } from '../../../shared/model.js';

/** A message that the server has stored. */
export interface SentEntry extends Message {
  readonly kind: 'message';
}

export interface NoticeEntry {
  readonly kind: 'notice';
  readonly id: string;
  readonly at: number;
  readonly user: User;
  readonly what: 'joined' | 'left';
}

export type Entry = SentEntry | NoticeEntry;

export interface Room {
  readonly name: string;
  /** Whether this connection has joined it; earlier entries stay readable meanwhile. */
  readonly joined: boolean;
  readonly members: readonly User[];
  readonly entries: readonly Entry[];
  /** Users who are typing, and until when each is shown. */
  readonly typing: readonly { readonly user: User; readonly until: number }[];
  readonly unread: number;
  /** The content of the input, in all tabs of the user. */
  readonly draft: string;
  /** Why the server refused the last message. */
  readonly refusal: readonly string[];
}

export interface ChatState {
  /** Whether the server has sent the rooms of the user. */
  readonly known: boolean;
  readonly rooms: readonly Room[];
  readonly active: string | null;
}

export const NO_ROOMS: ChatState = { known: false, rooms: [], active: null };
const MOST_ENTRIES = 500;

function emptyRoom(name: string): Room {
  return {
    name,
    joined: false,
    members: [],
    entries: [],
    typing: [],
    unread: 0,
    draft: '',
    refusal: [],
  };
}

export function roomIn(state: ChatState, name: string | null): Room | undefined {
  return state.rooms.find((room) => room.name === name);
}

/** Changes a room, which is created if it does not exist. */
export function withRoom(state: ChatState, name: string, change: (room: Room) => Room): ChatState {
  const rooms =
    roomIn(state, name) === undefined
      ? [...state.rooms, emptyRoom(name)].sort((a, b) => a.name.localeCompare(b.name))
      : state.rooms;
  return {
    ...state,
    active: state.active ?? name,
    rooms: rooms.map((room) => (room.name === name ? change(room) : room)),
  };
}

/** Changes a room if the user is a member. */
export function inRoom(state: ChatState, name: string, change: (room: Room) => Room): ChatState {
  return roomIn(state, name) === undefined ? state : withRoom(state, name, change);
}

export function withoutRoom(state: ChatState, name: string): ChatState {
  const rooms = state.rooms.filter((room) => room.name !== name);
  const active = state.active === name ? (rooms[0]?.name ?? null) : state.active;
  return { ...state, rooms, active };
}

/** The same message may come live, in an acknowledgement and in a history: it is shown once. */
export function withMessages(room: Room, messages: readonly Message[]): Room {
  const byId = new Map<string, Entry>(room.entries.map((entry) => [entry.id, entry]));
  for (const message of messages) byId.set(message.id, { ...message, kind: 'message' });
  return { ...room, entries: inOrder([...byId.values()]) };
}

export function withNotice(room: Room, user: User, what: 'joined' | 'left'): Room {
  const at = Date.now();
  const notice: NoticeEntry = { kind: 'notice', id: `${what}:${user.id}:${at}`, at, user, what };
  const others = room.members.filter(({ id }) => id !== user.id);
  return {
    ...room,
    members: what === 'joined' ? [...others, user] : others,
    entries: inOrder([...room.entries, notice]),
  };
}

export function withTyping(room: Room, user: User, until: number | null): Room {
  const others = room.typing.filter((typist) => typist.user.id !== user.id);
  return { ...room, typing: until === null ? others : [...others, { user, until }] };
}

function inOrder(entries: Entry[]): Entry[] {
  entries.sort((a, b) =>
    a.kind === 'message' && b.kind === 'message' ? compareMessages(a, b) : a.at - b.at,
  );
  return entries.slice(-MOST_ENTRIES);
}
