import { WebSocket } from 'ws';

/**
 * A WebSocket client that only counts frames, so that what is measured is not the client.
 *
 * @param {string} url
 * @param {{ token?: string }} [options] with a token it speaks enough Socket.IO to be connected as that user
 */
export async function connectRaw(url, { token } = {}) {
  const socket = new WebSocket(
    token === undefined ? url : `${url}/socket.io/?EIO=4&transport=websocket`,
  );
  let received = 0;
  /** @type {(() => void) | undefined} */
  let ready;
  const connected = new Promise((resolve) => {
    ready = () => resolve(undefined);
  });
  socket.on('message', (data) => {
    const text = Buffer.isBuffer(data) ? data.toString() : '';
    if (token === undefined || text.startsWith('42')) received++;
    else if (text.startsWith('0')) socket.send(`40${JSON.stringify({ token })}`);
    else if (text.startsWith('40')) ready?.();
    else if (text === '2') socket.send('3');
  });
  if (token === undefined) socket.on('open', () => ready?.());
  await connected;
  return {
    get received() {
      return received;
    },
    close: () => socket.terminate(),
  };
}
