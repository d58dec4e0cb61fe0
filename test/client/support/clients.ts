import {
  connect,
  type ClientSocket,
  type ConnectionState,
  type ConnectOptions,
} from '../../../client/src/index.js';
import { until } from '../../support/until.js';

/** The sockets of a test, which ends them. */
export class Clients {
  private readonly sockets: ClientSocket[] = [];

  /** A client with short pauses. */
  connect(url: string | (() => string), options: ConnectOptions = {}): ClientSocket {
    const socket = connect(url, {
      transports: ['websocket'],
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      ...options,
    });
    this.sockets.push(socket);
    return socket;
  }

  close(): void {
    for (const socket of this.sockets.splice(0)) socket.end();
  }
}

export async function untilState(
  socket: { status: ClientSocket['status'] },
  state: ConnectionState,
): Promise<void> {
  await until(
    () => socket.status.get().state === state,
    () => `${state}, and not ${JSON.stringify(socket.status.get())}`,
  );
}

/** The states of a socket from now on, each once in a row. */
export function statesOf(socket: ClientSocket): string[] {
  const states: string[] = [];
  const note = (): void => {
    const { state, reason } = socket.status.get();
    states.push(reason === undefined ? state : `${state} (${reason})`);
  };
  note();
  socket.status.subscribe(note);
  return states;
}

/** The news of a socket from now on, when it is back: `recovered` or `reload`. */
export function newsOf(socket: ClientSocket): string[] {
  const news: string[] = [];
  socket.onRecovered(() => news.push('recovered'));
  socket.onReload(() => news.push('reload'));
  return news;
}
