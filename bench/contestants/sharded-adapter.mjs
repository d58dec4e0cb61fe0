// @ts-check
// @socket.io/redis-adapter with sharded Pub/Sub: a channel for each room.
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { lastCommand, redisClients } from './redis-clients.mjs';
import { socketIoPeer } from './socket-io-peer.mjs';

export async function start() {
  const { publisher, subscriber } = await redisClients();
  const published = lastCommand(publisher, 'spublish');
  // Separates the contestants.
  return socketIoPeer(
    createShardedAdapter(publisher, subscriber, { channelPrefix: 'sharded' }),
    published,
  );
}
