// @ts-check
import { connect } from 'node:net';
import { clientFrame, FrameReader } from './frame-reader.mjs';

const UPGRADE = '\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n';
const FOUR = 0x34;
const PONG = clientFrame('3');

/**
 * @typedef {object} ClientOptions
 * @property {string} user
 * @property {string[]} [rooms]
 * @property {boolean} socketIo whether the server uses Socket.IO; otherwise the user and the rooms are in the URL
 * @property {string} [localAddress]
 * @property {boolean} [deflate] offers permessage-deflate. Compressed frames are counted, and not read
 * @property {[namespace: string, user: string][]} [more] further namespaces, each with its own user
 * @property {{ pid: string, offset?: string }} [session] the Socket.IO session to resume, and the offset of its last event
 * @property {(bytes: Buffer, start: number, end: number) => void} [onEvent]
 * @property {(answer: { sid: string, pid?: string }) => void} [onConnect] the default namespace is connected
 * @property {() => void} [onClose]
 */

/**
 * A counting WebSocket client with the minimum of Engine.IO and Socket.IO. Its cost is not measured, but it shares
 * the machine.
 *
 * @param {string} url
 * @param {ClientOptions} options
 */
export async function connectRaw(
  url,
  {
    user,
    rooms = [],
    socketIo,
    localAddress,
    deflate = false,
    more = [],
    session,
    onEvent,
    onConnect,
    onClose,
  },
) {
  const { hostname, port } = new URL(url);
  const path = socketIo
    ? '/socket.io/?EIO=4&transport=websocket'
    : `/?user=${user}&rooms=${rooms.join(',')}`;
  /** @type {import('node:net').NetConnectOpts} */
  const where = { host: hostname, port: Number(port), noDelay: true };
  const socket = connect(localAddress === undefined ? where : { ...where, localAddress });
  const client = {
    events: 0,
    attachments: 0,
    send: (/** @type {string} */ text) => socket.write(clientFrame(text)),
    close: () => socket.destroy(),
  };
  let confirmed = 0;
  let upgraded = false;
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`${user} is not connected after 60 s`));
      socket.destroy();
    }, 60_000);
    const ready = () => {
      clearTimeout(late);
      resolve(undefined);
    };
    const reader = new FrameReader((text, bytes, start, end, compressed) => {
      if (!text) client.attachments++;
      else if (compressed) client.events++;
      else if (bytes[start] === FOUR) {
        const type = bytes[start + 1];
        // An event, an acknowledgement, an event with an attachment.
        if (type === 0x32 || type === 0x33 || type === 0x35) {
          client.events++;
          onEvent?.(bytes, start, end);
        } else if (type === 0x30) {
          // The CONNECT packet of another namespace begins with the name of the namespace.
          if (bytes[start + 2] === 0x7b)
            onConnect?.(JSON.parse(bytes.toString('utf8', start + 2, end)));
          if (++confirmed > more.length) ready();
        } else if (type === 0x34) reject(new Error(bytes.toString('utf8', start, end)));
      } else if (bytes[start] === 0x32) socket.write(PONG);
      else if (bytes[start] === 0x30) {
        client.send(`40${JSON.stringify({ ...session, token: user, rooms })}`);
        for (const [namespace, token] of more) {
          client.send(`40${namespace},${JSON.stringify({ token })}`);
        }
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(late);
      reject(new Error(`the server closed the connection of ${user}`));
      onClose?.();
    });
    socket.on('data', (chunk) => {
      if (upgraded) return reader.read(chunk);
      const end = chunk.indexOf('\r\n\r\n');
      upgraded = true;
      if (!socketIo) ready();
      if (end + 4 < chunk.length) reader.read(chunk.subarray(end + 4));
    });
    const head = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}${UPGRADE}`;
    socket.write(head + (deflate ? DEFLATE : '') + KEY);
  });
  return client;
}

/** @typedef {Awaited<ReturnType<typeof connectRaw>>} RawClient */
