import { connect, type ClientSocket, type EventContract } from 'nestjs-redis-propagator-client';
import { PropagatorProvider } from 'nestjs-redis-propagator-client/react';
import { createContext, use, useMemo, type ReactNode } from 'react';
import type {
  ChatToClient,
  ChatToServer,
  MainToClient,
  MainToServer,
  PresenceToClient,
  PresenceToServer,
} from '../../../shared/events.js';
import { ApiError } from './api.js';
import { describeDevice } from './device.js';
import type { Instances } from './instances.js';
import type { Session } from './session.js';
import { Store } from './store.js';
import { useStore } from './use-store.js';

type ChatContract = EventContract<
  { '/': MainToClient; '/chat': ChatToClient; '/presence': PresenceToClient },
  { '/': MainToServer; '/chat': ChatToServer; '/presence': PresenceToServer }
>;

declare module 'nestjs-redis-propagator-client' {
  interface ClientTypes {
    contract: ChatContract;
  }
}

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
  /** The result of the last reconnection; null before the first one, and while another instance is looked for. */
  readonly back: Back | null;
}

/** Whether all sockets got the events that they missed. Otherwise they load their state. */
export interface Back {
  readonly isComplete: boolean;
}

/** The tab's one connection, with a socket in each namespace. When it is lost, the next instance is tried. */
export class Connection {
  readonly socket: ClientSocket;
  readonly state: Store<ConnectionState>;
  private isMoving = false;
  private isWelcome = false;
  private wasOpen = false;
  /** Whether a socket has missed events since the connection was open. */
  private hasMissed = false;

  constructor(
    private readonly instances: Instances,
    private readonly session: Session,
  ) {
    this.socket = connect(() => instances.current, {
      autoConnect: false,
      getToken: ({ reason }) => this.token(reason !== 'connect'),
      auth: { metadata: { device: describeDevice() } },
      // Including the random part, nobody waits more than three quarters of a second for a server that is back.
      reconnectionDelay: 250,
      reconnectionDelayMax: 500,
      timeout: 4000,
      // Long polling would need a balancer with sticky sessions, see deploy/nginx.conf.
      transports: ['websocket'],
    });
    this.state = new Store<ConnectionState>({
      phase: 'connecting',
      url: instances.current,
      instance: null,
      left: null,
      back: null,
    });
    for (const socket of this.sockets) {
      socket.onReload(() => {
        this.hasMissed = true;
      });
      socket.on('connect', () => this.connected());
    }
    this.socket.status.subscribe(() => this.changed());
    this.socket.on('disconnect', () => {
      this.isWelcome = false;
    });
    this.socket.on('welcome', ({ instance }) => {
      this.instances.nameIs(this.instances.current, instance);
      this.state.update((state) => ({ ...state, instance }));
      this.isWelcome = true;
      this.connected();
    });
    this.socket.on('propagator:disconnect', ({ reason }) => {
      if (reason === 'auth.revoked') this.session.end('You were logged out.');
    });
  }

  /** For a connection outside of a {@link ConnectionProvider}. */
  open(): void {
    for (const socket of this.sockets) socket.connect();
  }

  private get sockets() {
    return [this.socket, this.socket.of('/chat'), this.socket.of('/presence')];
  }

  /** Moves to another instance on request. */
  moveTo(url: string): void {
    this.instances.use(url);
    this.isMoving = true;
    this.socket.reconnect();
  }

  private async token(isRenewed: boolean): Promise<string | null> {
    try {
      return await (isRenewed ? this.session.renew() : this.session.token());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.session.end('Your session has ended. Please log in again.');
      return null;
    }
  }

  /** Called for each socket, and when the instance has said its name. */
  private connected(): void {
    if (!this.isWelcome || !this.sockets.every(({ connected }) => connected)) return;
    const back = this.wasOpen ? { isComplete: !this.hasMissed } : null;
    this.wasOpen = true;
    this.hasMissed = false;
    this.state.update((state) => ({ ...state, phase: 'open', left: null, back }));
  }

  private changed(): void {
    const { state, retryInMs, failures } = this.socket.status.get();
    if (state === 'refused') this.state.update((before) => ({ ...before, phase: 'offline' }));
    if (state !== 'waiting' || retryInMs === undefined) return;
    if (this.isMoving) this.isMoving = false;
    else this.instances.next();
    const { current, all } = this.instances;
    this.state.update((before) => ({
      phase: failures > all.length ? 'offline' : 'moving',
      url: current,
      // One URL for all is that of a load balancer, which may choose any instance.
      instance: all.length === 1 ? null : this.instances.nameOf(current),
      left: before.left ?? before.instance,
      back: null,
    }));
  }
}

const ConnectionContext = createContext<Connection | null>(null);

interface Props {
  readonly instances: Instances;
  readonly session: Session;
  readonly children: ReactNode;
}

/** One connection for all components inside, for as long as somebody is logged in. */
export function ConnectionProvider({ instances, session, children }: Props) {
  const connection = useMemo(() => new Connection(instances, session), [instances, session]);
  return (
    <ConnectionContext value={connection}>
      <PropagatorProvider socket={connection.socket}>{children}</PropagatorProvider>
    </ConnectionContext>
  );
}

export function useConnection(): Connection {
  const connection = use(ConnectionContext);
  if (connection === null) throw new Error('There is no ConnectionProvider around this component.');
  return connection;
}

export function useConnectionState(): ConnectionState {
  return useStore(useConnection().state);
}
