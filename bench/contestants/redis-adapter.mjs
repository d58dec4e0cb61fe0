// @ts-check
// @socket.io/redis-adapter: one pattern for the namespace's rooms, so every instance receives everything.
import { createAdapter } from '@socket.io/redis-adapter';
import { lastCommand, redisClients } from './redis-clients.mjs';
import { socketIoPeer } from './socket-io-peer.mjs';

export async function start() {
  const { publisher, subscriber } = await redisClients();
  const published = lastCommand(publisher, 'publish');
  // Separates the contestants.
  return socketIoPeer(createAdapter(publisher, subscriber, { key: 'classic' }), published);
}
