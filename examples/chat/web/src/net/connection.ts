import { Manager } from 'socket.io-client';
import { ApiError } from './api.js';
import { describeDevice } from './device.js';
import type { Instances } from './instances.js';
import type { Session } from './session.js';
import { NAMESPACES, type Namespace, type Sockets } from './sockets.js';
import { Store } from './store.js';

/** `offline`: every instance was tried, and none responded. */
export type Phase = 'connecting' | 'open' | 'moving' | 'offline';

export interface ConnectionState {
  readonly phase: Phase;
  /** The instance that is in use, or tried. */
  readonly url: string;
  /** The name that this instance reports; null until it has. */
  readonly instance: string | null;
  /** The previous instance, while another one is looked for. */
  readonly left: string | null;
  readonly sockets: Sockets;
}

interface Farewell {
  readonly reason: string;
  readonly reconnectInMs?: number;
}

const OPEN_TIMEOUT_MS = 4000;
/** Including the random part, nobody waits more than three quarters of a second for a server that is back. */
const LONGEST_PAUSE_MS = 500;

/**
 * The tab's one connection: a Manager with a socket in each namespace. When it is lost, it is made again to the
 * next instance. Unsent messages are kept elsewhere (see chat/outbox.ts).
 *
 * `state` gets new sockets first, and `open()` connects them afterwards, so that listeners can be attached in
 * between and get the first event.
 */
export class Connection {
  readonly state: Store<ConnectionState>;
  private manager: Manager;
  private farewell: Farewell | undefined;
  private failures = 0;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly instances: Instances,
    private readonly session: Session,
  ) {
    this.manager = this.newManager();
    this.state = new Store<ConnectionState>({
      phase: 'connecting',
      url: instances.current,
      instance: null,
      left: null,
      sockets: this.newSockets(),
    });
  }

  open(): void {
    this.closed = false;
    for (const socket of Object.values(this.state.get().sockets)) socket.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const socket of Object.values(this.state.get().sockets)) socket.disconnect();
  }

  /** Moves to another instance on request. */
  moveTo(url: string): void {
    this.instances.use(url);
    this.leave(0);
  }

  /** Reconnects now instead of waiting for the next attempt. */
  retryNow(): void {
    if (this.state.get().phase === 'offline') this.leave(0);
  }

  private newManager(): Manager {
    const manager = new Manager(this.instances.current, {
      autoConnect: false,
      // `lost` makes the next attempt at another instance.
      reconnection: false,
      timeout: OPEN_TIMEOUT_MS,
      // Long polling would need a balancer with sticky sessions, see deploy/nginx.conf.
      transports: ['websocket'],
    });
    manager.on('error', () => this.lost(manager));
    manager.on('close', () => this.lost(manager));
    return manager;
  }

  private newSockets(): Sockets {
    const { manager } = this;
    const sockets = Object.fromEntries(
      NAMESPACES.map((namespace) => [namespace, this.newSocket(manager, namespace)]),
    ) as unknown as Sockets;
    sockets['/'].on('welcome', ({ instance }) => {
      this.instances.nameIs(this.instances.current, instance);
      this.state.update((state) => ({ ...state, instance }));
    });
    return sockets;
  }

  private newSocket(manager: Manager, namespace: Namespace) {
    const socket = manager.socket(namespace, {
      // A function, so that each connection gets the current token.
      auth: (send) => {
        void this.session.token().then(
          (token) => send({ token, metadata: { device: describeDevice() } }),
          (error: unknown) => this.refused(manager, error),
        );
      },
    });
    socket.on('connect', () => this.connected(manager));
    socket.on('propagator:disconnect', (farewell: Farewell) => {
      this.farewell = farewell;
    });
    socket.on('disconnect', (reason) => {
      if (reason !== 'io client disconnect') this.lost(manager);
    });
    socket.on('connect_error', (error) => {
      const { data } = error as Error & { data?: { code?: string } };
      if (data?.code?.startsWith('auth.token') || data?.code === 'auth.revoked')
        this.renew(manager);
      else this.lost(manager);
    });
    socket.on('auth:expiring', () => {
      void this.session.renew().then(
        (token) => socket.emit('auth:refresh', token),
        // The connection ends with its token, and is then made again or not at all.
        () => undefined,
      );
    });
    return socket;
  }

  private connected(manager: Manager): void {
    if (manager !== this.manager) return;
    const { sockets } = this.state.get();
    if (!Object.values(sockets).every(({ connected }) => connected)) return;
    this.failures = 0;
    this.farewell = undefined;
    this.state.update((state) => ({ ...state, phase: 'open', left: null }));
  }

  /** A new token, or the way to the login. */
  private renew(manager: Manager): void {
    void this.session.renew().then(
      () => this.lost(manager),
      (error: unknown) => this.refused(manager, error),
    );
  }

  private refused(manager: Manager, error: unknown): void {
    if (manager !== this.manager) return;
    if (error instanceof ApiError && error.status === 401) {
      this.session.end('Your session has ended. Please log in again.');
    } else this.lost(manager);
  }

  /** Called several times for a connection, by its sockets and its Manager; the first call counts. */
  private lost(manager: Manager): void {
    if (manager !== this.manager || this.closed) return;
    const { farewell } = this;
    if (farewell?.reason === 'auth.revoked') {
      this.session.end('You were logged out.');
      return;
    }
    this.failures += 1;
    this.instances.next();
    this.leave(this.pause(farewell));
  }

  private leave(pauseMs: number): void {
    clearTimeout(this.timer);
    const before = this.state.get();
    const { current, all } = this.instances;
    this.manager = this.newManager();
    for (const socket of Object.values(before.sockets)) socket.disconnect();
    this.farewell = undefined;
    this.state.set({
      ...before,
      phase: this.failures > all.length ? 'offline' : 'moving',
      url: current,
      instance: this.instances.nameOf(current),
      left: before.left ?? before.instance,
    });
    this.timer = setTimeout(() => {
      this.state.update((state) => ({ ...state, sockets: this.newSockets() }));
    }, pauseMs);
  }

  private pause(farewell: Farewell | undefined): number {
    // A stopped instance spreads its clients over a second.
    if (farewell?.reconnectInMs !== undefined) return farewell.reconnectInMs;
    const rounds = Math.floor((this.failures - 1) / this.instances.all.length);
    return Math.min(LONGEST_PAUSE_MS, 250 * 2 ** rounds) * (0.5 + Math.random());
  }
}
