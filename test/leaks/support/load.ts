import { until } from '../../support/until.js';
import { RawSocket } from './raw-socket.js';
import type { TestProcess } from './test-process.js';

/** What comes and goes at once: two devices of each user, one on each of two instances. */
const USERS = 125;
const ROOMS = 25;
const NAMESPACES = 5;

/** What one batch has come and gone with. */
export const BATCH = { sockets: 2 * USERS, rooms: ROOMS, namespaces: NAMESPACES };

let batches = 0;

/** Connects a batch of clients, lets them do what clients do, and ends them; nobody answers to what is asked of them. */
export async function comeAndGo(app: TestProcess, urls: readonly string[]): Promise<void> {
  const batch = `${++batches}`;
  const before = await app.call<number>('connections');
  const name = (number: number): string => `user-${batch}-${number}`;
  const pairs = await Promise.all(
    Array.from({ length: USERS }, (_, user) =>
      Promise.all(urls.map((url) => RawSocket.connect(url, name(user)))),
    ),
  );
  await Promise.all([
    ...pairs.slice(0, ROOMS).map((pair, room) => joinAndLeave(pair, `room-${batch}-${room}`, room)),
    ...pairs
      .slice(ROOMS, ROOMS + NAMESPACES)
      .map((pair, tenant) => openNamespace(pair, name(ROOMS + tenant), `/tenant-${batch}${tenant}`)),
    ...urls.map(turnedAway),
    ...urls.map(cutShort),
  ]);
  for (const instance of urls.keys()) {
    await app.call('ask', instance, {
      userId: name(ROOMS + instance),
      room: `room-${batch}-${instance}`,
      namespace: `/tenant-${batch}${instance}`,
    });
  }
  for (const [index, client] of pairs.flat().entries()) {
    if (index % 2 === 0) client.leave('/');
    client.cut();
  }
  await until(
    async () => (await app.call<number>('connections')) === before,
    () => 'the connections of a batch to be gone',
  );
}

/** A room that a pair of clients is in; of every second one leaves by word, the others with their connections. */
async function joinAndLeave(pair: RawSocket[], room: string, index: number): Promise<void> {
  await Promise.all(pair.map((client) => client.ask('/', 'join', room)));
  // Those that are asked later have to be in.
  if (index % 2 === 1 && index > 1)
    await Promise.all(pair.map((client) => client.ask('/', 'leave', room)));
}

async function openNamespace(pair: RawSocket[], user: string, namespace: string): Promise<void> {
  await Promise.all(
    pair.map(async (client) => {
      await client.enter(namespace, user);
      await client.ask(namespace, 'join', 'lobby');
    }),
  );
}

/** A client that is refused. */
async function turnedAway(url: string): Promise<void> {
  const client = await RawSocket.open(url);
  if ((await client.enter('/', 'bad')) !== 'refused') throw new Error('it was let in');
  client.cut();
}

/** A client that goes while it is being let in. */
async function cutShort(url: string): Promise<void> {
  const client = await RawSocket.open(url);
  const outcome = client.enter('/', 'hasty');
  client.cut();
  await outcome;
}
