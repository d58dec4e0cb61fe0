// @ts-check
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';

const timeoutMs = 30_000;

/**
 * Checks that real clients of the app are authenticated and get their events.
 *
 * @param {string} url
 */
export async function checkClients(url) {
  const alice = client(url, 'alice');
  const alicesPhone = client(url, 'alice');
  const stranger = client(url, 'bad');
  try {
    await Promise.all([
      event(alice, 'connect'),
      event(alicesPhone, 'connect'),
      event(stranger, 'connect_error'),
    ]);

    const [greeting, response] = await Promise.all([
      event(alice, 'greeting'),
      fetch(`${url}/greetings/alice`, { method: 'POST' }),
    ]);
    assert.equal(greeting, 'hello alice');
    assert.deepEqual(await response.json(), { reached: true });

    const copies = Promise.all([event(alice, 'said'), event(alicesPhone, 'said')]);
    alice.emit('say', 'hi');
    assert.deepEqual(await copies, ['hi', 'hi']);
  } finally {
    for (const socket of [alice, alicesPhone, stranger]) socket.disconnect();
  }
}

/**
 * A client of an app, still connecting.
 *
 * @param {string} url
 * @param {string} token
 */
export function client(url, token) {
  return io(url, { auth: { token }, transports: ['websocket'], reconnection: false });
}

/**
 * @param {import('socket.io-client').Socket} socket
 * @param {string} name
 * @returns {Promise<unknown>} the data of the next event with this name
 */
export function event(socket, name) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`a client got no "${name}" within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    socket.once(name, (data) => {
      clearTimeout(timer);
      resolve(data);
    });
  });
}
