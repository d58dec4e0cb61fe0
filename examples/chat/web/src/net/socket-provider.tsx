import { createContext, use, useEffect, useMemo, type ReactNode } from 'react';
import { Connection, type ConnectionState } from './connection.js';
import type { Instances } from './instances.js';
import type { Session } from './session.js';
import type { Namespace, Sockets } from './sockets.js';
import { useStore } from './use-store.js';

const ConnectionContext = createContext<Connection | null>(null);

interface Props {
  readonly instances: Instances;
  readonly session: Session;
  readonly children: ReactNode;
}

/** One connection for all components inside, for as long as somebody is logged in. */
export function SocketProvider({ instances, session, children }: Props) {
  const connection = useMemo(() => new Connection(instances, session), [instances, session]);
  const { sockets } = useStore(connection.state);

  // React runs the effects of children first: they listen before any event arrives.
  useEffect(() => connection.open(), [connection, sockets]);
  useEffect(() => () => connection.close(), [connection]);

  useEffect(() => {
    const retry = (): void => connection.retryNow();
    window.addEventListener('online', retry);
    return () => window.removeEventListener('online', retry);
  }, [connection]);

  return <ConnectionContext value={connection}>{children}</ConnectionContext>;
}

export function useConnection(): Connection {
  const connection = use(ConnectionContext);
  if (connection === null) throw new Error('There is no SocketProvider around this component.');
  return connection;
}

export function useConnectionState(): ConnectionState {
  return useStore(useConnection().state);
}

/**
 * The socket of a namespace. It changes after a move to another instance, so an effect that listens to it must have
 * it among its dependencies.
 */
export function useSocket<Name extends Namespace>(namespace: Name): Sockets[Name] {
  return useConnectionState().sockets[namespace];
}
