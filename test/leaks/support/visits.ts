import { RawSocket } from './raw-socket.js';

/** A user's two devices, one on each instance. */
export type Pair = readonly RawSocket[];

export async function connectPair(urls: readonly string[], user: string): Promise<Pair> {
  return Promise.all(urls.map((url) => RawSocket.connect(url, user)));
}

export async function joinRoom(pair: Pair, room: string): Promise<void> {
  await Promise.all(pair.map((client) => client.ask('/', 'join', room)));
}

/** Leaves the room explicitly; others leave with their connections. */
export async function leaveRoom(pair: Pair, room: string): Promise<void> {
  await Promise.all(pair.map((client) => client.ask('/', 'leave', room)));
}

/** Watches the presence of users; nobody stops watching before leaving. */
export async function watchUsers(pair: Pair, ...userIds: string[]): Promise<void> {
  await Promise.all(pair.map((client) => client.ask('/', 'propagator:watch', userIds)));
}

/** Also joins a namespace on the same connections, and a room in it. */
export async function enterNamespace(pair: Pair, namespace: string, user: string): Promise<void> {
  const enter = async (client: RawSocket): Promise<void> => {
    await client.enter(namespace, user);
    await client.ask(namespace, 'join', 'lobby');
  };
  await Promise.all(pair.map(enter));
}

/** Ends the connections, with or without a disconnect packet. */
export function go(pair: Pair, politely: boolean): void {
  for (const client of pair) {
    if (politely) client.leave('/');
    client.cut();
  }
}

/** A client that is refused, in a namespace that nobody else uses. */
export async function beTurnedAway(url: string): Promise<void> {
  const client = await RawSocket.open(url);
  for (const namespace of ['/', '/tenant-404']) {
    if ((await client.enter(namespace, 'bad')) !== 'refused') throw new Error('it was let in');
  }
  client.cut();
}

/** A client that is accepted and disconnected at once. */
export async function beShownOut(url: string): Promise<void> {
  const client = await RawSocket.open(url);
  await client.enter('/', 'unwelcome');
  await client.closed;
}

/** A client that disconnects while it is connecting. */
export async function leaveAtTheDoor(url: string): Promise<void> {
  const client = await RawSocket.open(url);
  void client.enter('/', 'hasty');
  client.cut();
}
