import { createAdapter } from '@socket.io/redis-adapter';
import { Cluster, Redis } from 'ioredis';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { EVENT, roomOf, targetOf, turnOf, userOf, usersOf } from './plan.js';
import { obey, say, type InstanceConfig, type Note } from './protocol.js';

// An instance of an app with Socket.IO's own Redis adapter, set up as in its README, for comparison.

const { sender, redis } = JSON.parse(process.argv[2] ?? '{}') as InstanceConfig;
const notes: Note[] = [];
const note = (thrown: unknown): void => {
  notes.push({ at: Date.now(), text: String(thrown) });
};
// The adapter does not handle the promises of its publishes, so Node would end the process.
process.on('unhandledRejection', note);

function connect(): Cluster | Redis {
  if ('nodes' in redis) return new Cluster([...redis.nodes]);
  if ('url' in redis) return new Redis(redis.url);
  return new Redis({ sentinels: [...redis.sentinels], name: redis.name });
}

const publisher = connect();
const subscriber = connect();
for (const client of [publisher, subscriber]) client.on('error', note);
await Promise.all([publisher, subscriber].map((client) => once(client, 'ready')));

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  connectionStateRecovery: {},
});
io.on('connection', async (socket) => {
  const { token } = socket.handshake.auth as { token?: string };
  socket.on('join', (room: string, done: (joined: boolean) => void) => {
    void Promise.resolve(socket.join(room)).then(() => done(true));
  });
  await socket.join(['authenticated', String(token)]);
});
await once(http.listen(0, '127.0.0.1'), 'listening');

async function emit(number: number): Promise<void> {
  const to = (): { emit(event: string, data: unknown): unknown } => {
    switch (targetOf(number)) {
      case 'user':
        return io.to(userOf(turnOf(number)));
      case 'users':
        return io.to(usersOf(number));
      case 'all':
        return io;
      case 'authenticated':
        return io.to('authenticated');
      case 'room':
        return io.to(roomOf(turnOf(number)));
    }
  };
  to().emit(EVENT, { sender, number });
}

obey(emit, { notes: () => notes });
say({
  type: 'started',
  url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
  instanceId: String(sender),
});
