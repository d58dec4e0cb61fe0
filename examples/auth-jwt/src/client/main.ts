import { createInterface } from 'node:readline';
import { Session } from './session.js';
import { signedInSocket } from './signed-in-socket.js';

const [url = 'http://localhost:3000', name = 'alice', password = 'wonderland'] =
  process.argv.slice(2);
const session = await Session.logIn(url, name, password);
const socket = signedInSocket(url, () => session.freshToken());

socket.on('connect', () => console.log('Connected. Each line that you type is a note.'));
socket.on('connect_error', (error) => console.log('Not connected:', error));
socket.on('disconnect', (reason) => console.log('Disconnected:', reason));
socket.onAny((event, data) => console.log(event, data));
createInterface(process.stdin)
  .on('line', (text) => socket.emit('note', text))
  .on('close', () => socket.disconnect());
