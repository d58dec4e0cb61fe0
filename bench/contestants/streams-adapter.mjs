// @ts-check
// @socket.io/redis-streams-adapter: one stream that every instance reads.
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { lastCommand, redisClients } from './redis-clients.mjs';
import { socketIoPeer } from './socket-io-peer.mjs';

export async function start() {
  const { publisher, subscriber } = await redisClients();
  // The streams adapter creates its own connections.
  subscriber.disconnect();
  const published = lastCommand(publisher, 'xadd');
  // Separates the contestants.
  return socketIoPeer(
    createAdapter(publisher, { streamName: 'bench', channelPrefix: 'streams' }),
    published,
  );
}
