// The floor: a bare ioredis publish on one side, a bare ioredis subscription and a bare `ws` frame write on the
// other. No Nest, no Socket.IO, no routing: one channel per user, one socket per channel.
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';
import { serveRole } from './role.mjs';

const { REDIS_URL = '' } = process.env;
const publisher = new Redis(REDIS_URL, { lazyConnect: true });
const subscriber = new Redis(REDIS_URL, { lazyConnect: true });
await Promise.all([publisher.connect(), subscriber.connect()]);

/** @type {Map<string, import('ws').WebSocket>} */
const sockets = new Map();
subscriber.on('messageBuffer', (channel, frame) => {
  const socket = sockets.get(channel.toString());
  // What `ws` and Engine.IO do with a frame that is ready.
  socket?._sender.sendFrame([frame]);
});

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket, request) => {
  const channel = new URL(request.url ?? '/', 'ws://x').searchParams.get('user') ?? '';
  sockets.set(channel, socket);
  void subscriber.subscribe(channel);
});

serveRole({
  urlOf: (user) => `ws://127.0.0.1:${server.address().port}/?user=${user}`,
  token: () => undefined,
  publish: (user, event, data) => publisher.publish(user, frameOf(event, data)),
  close: async () => {
    server.close();
    for (const socket of sockets.values()) socket.terminate();
    await Promise.all([publisher.quit(), subscriber.quit()]);
  },
});

/** One text frame (RFC 6455, 5.2) with a Socket.IO event in it. */
function frameOf(event, data) {
  const text = `42${JSON.stringify([event, data])}`;
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : 4;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x81;
  if (head === 2) frame[1] = length;
  else {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  }
  frame.write(text, head);
  return frame;
}
