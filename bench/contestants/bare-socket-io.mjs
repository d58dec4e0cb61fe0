// @ts-check
// Socket.IO alone, with a middleware that authenticates: no Nest, no Redis, one instance.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

/** @returns {Promise<import('./contestant.mjs').Contestant>} */
export async function start() {
  const http = createServer();
  const server = new Server(http, { transports: ['websocket'] });
  server.use((socket, next) => {
    const { token } = socket.handshake.auth;
    if (typeof token !== 'string') return next(new Error('who?'));
    socket.data.userId = token;
    return next();
  });
  server.on('connection', (socket) => void socket.join(`user:${socket.data.userId}`));
  await new Promise((resolve) => {
    http.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    toUser: (user, event, data) => server.to(`user:${user}`).emit(event, data),
    toRoom: (room, event, data) => server.to(room).emit(event, data),
    toAll: (event, data) => server.emit(event, data),
    close: () => server.close(),
  };
}
