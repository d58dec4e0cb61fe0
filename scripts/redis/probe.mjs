// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP port that nobody listens on at the moment. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had');
  return address.port;
}

/**
 * Whether a Redis answers PING on the connection: with PONG, or by asking for a password.
 *
 * @param {() => import('node:net').Socket} connect
 */
export async function answersPing(connect) {
  const socket = connect();
  try {
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.write('PING\r\n');
    const [reply] = await once(socket, 'data');
    return /^(\+PONG|-NOAUTH)/.test(String(reply));
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
