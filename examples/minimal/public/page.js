/* global io */

/** @param {string} id */
const element = (id) => document.getElementById(id);

document.title = `${location.host}: nestjs-redis-propagator`;
element('instance').textContent = location.host;
element('text').value = `Hello from ${location.host}`;

/**
 * @param {'in' | 'note' | 'error'} kind
 * @param {string} what
 * @param {unknown} detail
 */
function log(kind, what, detail) {
  const line = document.createElement('li');
  line.className = kind;
  // textContent, never innerHTML: text from other people must not become markup.
  for (const [tag, text] of [
    ['time', new Date().toLocaleTimeString('en-GB')],
    ['b', what],
    ['span', typeof detail === 'string' ? detail : JSON.stringify(detail)],
  ]) {
    line.append(Object.assign(document.createElement(tag), { textContent: text }));
  }
  element('log').prepend(line);
  element('empty').hidden = true;
}

let sockets = { main: undefined, chat: undefined };

function connect() {
  disconnect();
  const token = element('token').value.trim();
  const auth = token ? { token } : {};
  // One connection for both namespaces. Each of them authenticates its sockets.
  const manager = new io.Manager(location.origin);
  const main = manager.socket('/', { auth });
  const chat = manager.socket('/chat', { auth });
  sockets = { main, chat };

  const who = token || 'anonymous';
  main.on('connect', () => show('on', `connected as ${who}`));
  main.on('disconnect', (reason) => show('off', `disconnected: ${reason}`));
  for (const [namespace, socket] of [
    ['', main],
    ['/chat ', chat],
  ]) {
    socket.on('connect_error', ({ message, data }) => {
      // Only a refusal by the server has a code. Socket.IO retries after any other error.
      if (data?.code) show('refused', `refused: ${data.code}`);
      else show('off', `no connection: ${message}`);
    });
    socket.onAny((event, data) => log('in', `${namespace}${event}`, data));
  }
  show('off', 'connecting');
}

function disconnect() {
  sockets.main?.disconnect();
  sockets.chat?.disconnect();
}

/**
 * @param {'on' | 'off' | 'refused'} state
 * @param {string} text
 */
function show(state, text) {
  const status = element('status');
  if (status.textContent !== text) log(state === 'refused' ? 'error' : 'note', 'socket', text);
  status.dataset.state = state;
  status.textContent = text;
  for (const id of ['ask', 'say', 'disconnect']) element(id).disabled = state !== 'on';
}

/** @param {string} target */
async function post(target) {
  try {
    const response = await fetch(`/notifications/${target}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: element('text').value }),
    });
    log(response.ok ? 'note' : 'error', `POST ${target}`, await response.json());
  } catch (error) {
    log('error', `POST ${target}`, error.message);
  }
}

/**
 * @param {string} id
 * @param {() => void} work
 */
function onSubmit(id, work) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    work();
  });
}

onSubmit('connection', connect);
onSubmit('chat', () => sockets.chat.emit('message', element('message').value));
onSubmit('notification', () => {
  void post(`users/${encodeURIComponent(element('user').value)}`);
});
element('disconnect').addEventListener('click', disconnect);
element('ask').addEventListener('click', () => sockets.main.emit('events'));
for (const button of document.querySelectorAll('[data-to]')) {
  button.addEventListener('click', () => void post(button.dataset.to));
}
element('clear').addEventListener('click', () => {
  element('log').replaceChildren();
  element('empty').hidden = false;
});

// A link such as http://localhost:3001/#alice connects at once. The part after the # stays in the browser, whereas
// a query string appears in access logs.
const token = decodeURIComponent(location.hash.slice(1));
if (token) {
  element('token').value = token;
  connect();
}
