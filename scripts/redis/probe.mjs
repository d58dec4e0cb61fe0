// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that kernels assign themselves (from 32768 on Linux), and above those of `quietPort`. Each of
// Jest's workers has its own range and takes one port after the other, so no other test takes a port while its
// server is being killed and restarted. It begins at a random place in the range, because several runs may be in
// progress.
const FIRST = 30_000;
const PARTS = 6;
const COUNT = 450;
const part = FIRST + (Number(process.env['JEST_WORKER_ID'] ?? 0) % PARTS) * COUNT;
let next = Math.floor(Math.random() * COUNT);

/** The nodes of a Cluster also listen on a port so much higher, where kernels assign ports themselves. */
const BUS_OFFSET = 10_000;

/** A TCP port that is currently not in use, neither is the port of a Cluster's bus that belongs to it. */
export async function freePort() {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = part + (next++ % COUNT);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port;
  }
  throw new Error('no TCP port to be had');
}

/** Tells whether a port is free. @param {number} port */
export async function isFree(port) {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/**
 * Tells whether a Redis replies to PING on the connection, with PONG or by asking for a password.
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
