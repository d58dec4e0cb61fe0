// @ts-check
// The floor: a bare ioredis publish on one side, a bare ioredis subscription and bare `ws` frame writes on the other.
// No Nest, no Socket.IO, no routing: a channel for each user and room, and one for all.
import { WebSocketServer } from 'ws';
import { redisClients } from './redis-clients.mjs';

/** Separates the contestants. */
const { CONTESTANT } = process.env;
const ALL = `${CONTESTANT}:all`;
/** Passes the frame on unchanged, or calls `ws` like an app. */
const write =
  process.env.WRITE === 'send'
    ? (/** @type {any} */ socket, /** @type {Buffer} */ frame) =>
        socket.send(payloadOf(frame), { binary: false })
    : (/** @type {any} */ socket, /** @type {Buffer} */ frame) => socket._sender.sendFrame([frame]);

/** @returns {Promise<import('./contestant.mjs').Contestant>} */
export async function start() {
  const { publisher, subscriber } = await redisClients();
  /** @type {Map<string, Set<import('ws').WebSocket>>} */
  const socketsOf = new Map();
  subscriber.on('messageBuffer', (channel, frame) => {
    for (const socket of socketsOf.get(channel.toString()) ?? []) write(socket, frame);
  });
  socketsOf.set(ALL, new Set());
  await subscriber.subscribe(ALL);

  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket, request) => {
    const { searchParams } = new URL(request.url ?? '/', 'ws://x');
    const user = searchParams.get('user') ?? '';
    const rooms = searchParams.get('rooms')?.split(',').filter(Boolean) ?? [];
    for (const channel of [
      ALL,
      `${CONTESTANT}:user:${user}`,
      ...rooms.map((room) => `${CONTESTANT}:${room}`),
    ]) {
      const sockets = socketsOf.get(channel) ?? new Set();
      if (sockets.size === 0 && channel !== ALL) void subscriber.subscribe(channel);
      socketsOf.set(channel, sockets.add(socket));
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await new Promise((resolve) => {
    server.once('listening', () => resolve(undefined));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    toUser: (user, event, data) =>
      publisher.publish(`${CONTESTANT}:user:${user}`, framesOf(event, data)),
    toRoom: (room, event, data) =>
      publisher.publish(`${CONTESTANT}:${room}`, framesOf(event, data)),
    toAll: (event, data) => publisher.publish(ALL, framesOf(event, data)),
    close: () => server.close(),
  };
}

/**
 * The frames of a Socket.IO event (RFC 6455, 5.2): one, and one more for a Buffer.
 *
 * @param {string} event
 * @param {unknown} data
 */
function framesOf(event, data) {
  if (!Buffer.isBuffer(data))
    return frameOf(0x81, Buffer.from(`42${JSON.stringify([event, data])}`));
  const placeholder = { _placeholder: true, num: 0 };
  const text = Buffer.from(`451-${JSON.stringify([event, placeholder])}`);
  return Buffer.concat([frameOf(0x81, text), frameOf(0x82, data)]);
}

/** @param {number} first @param {Buffer} payload */
function frameOf(first, payload) {
  const { length } = payload;
  const head = headOf(length);
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = first;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  payload.copy(frame, head);
  return frame;
}

/** @param {number} length */
function headOf(length) {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

/** @param {Buffer} frame */
function payloadOf(frame) {
  if (frame[1] === 127) return frame.subarray(10);
  return frame.subarray(frame[1] === 126 ? 4 : 2);
}
