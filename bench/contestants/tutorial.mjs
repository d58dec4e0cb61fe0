// @ts-check
// The design of tutorials: a map of each user's sockets in every instance, and one Redis channel for each kind of
// target. Every instance receives and parses every message, and checks whether it has the user.
import { nestApp } from './nest-app.mjs';
import { redisClients } from './redis-clients.mjs';

const SEND = 'socket:send';
const EMIT_ALL = 'socket:emit-all';
const EMIT_AUTHENTICATED = 'socket:emit-authenticated';

/** @returns {Promise<import('./contestant.mjs').Contestant>} */
export async function start() {
  const { publisher, subscriber } = await redisClients();
  /** @type {Map<string, Set<any>>} */
  const socketsOf = new Map();
  const { app, server, url } = await nestApp({
    connected(socket) {
      const { token } = socket.handshake.auth;
      socket.auth = { userId: token };
      const sockets = socketsOf.get(token) ?? new Set();
      socketsOf.set(token, sockets.add(socket));
      socket.on('disconnect', () => {
        sockets.delete(socket);
        if (sockets.size === 0) socketsOf.delete(token);
      });
    },
  });
  subscriber.on('message', (channel, text) => {
    const { userId, namespace, event, data } = JSON.parse(text);
    if (channel === SEND) {
      for (const socket of socketsOf.get(userId) ?? []) {
        if (socket.nsp.name === namespace) socket.emit(event, data);
      }
    } else if (channel === EMIT_ALL) server.emit(event, data);
    else {
      for (const sockets of socketsOf.values())
        for (const socket of sockets) socket.emit(event, data);
    }
  });
  await subscriber.subscribe(SEND, EMIT_ALL, EMIT_AUTHENTICATED);
  return {
    url,
    toUser: (userId, event, data, namespace = '/') =>
      publisher.publish(SEND, JSON.stringify({ userId, namespace, event, data })),
    toRoom() {
      throw new Error('it knows no rooms');
    },
    toAll: (event, data) => publisher.publish(EMIT_ALL, JSON.stringify({ event, data })),
    close: () => app.close(),
  };
}
