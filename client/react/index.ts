import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
// Import from the name of the package, so that an augmented `ClientTypes` counts here.
import type {
  ClientSocket,
  ConnectionStatus,
  DeclaredContract,
  NamespaceOf,
  Received,
} from 'nestjs-redis-propagator-client';
import type { PresenceByUser } from 'nestjs-redis-propagator-client/presence';
import { watchPresence } from '../presence/index.js';

type AnySocket = ClientSocket<unknown, string>;

const SocketContext = createContext<AnySocket | null>(null);

/** The properties of {@link PropagatorProvider}. */
export interface PropagatorProviderProps {
  /** The socket of `connect(url, { autoConnect: false })`, made outside of the component or by `useState`. */
  readonly socket: Pick<ClientSocket, 'status' | 'end' | 'reconnect'>;
  readonly children?: ReactNode;
}

/**
 * Connects the socket while the provider is mounted, and gives it to the components inside. Their effects run first, so their
 * listeners get the first event.
 */
export function PropagatorProvider({ socket, children }: PropagatorProviderProps): ReactNode {
  const any = socket as unknown as AnySocket;
  useEffect(() => () => any.end(), [any]);
  useOpen(any);
  return createElement(SocketContext.Provider, { value: any }, children);
}

/** The socket of a namespace, connected from the first use on. It stays the same over lost connections. */
export function useSocket<Contract = DeclaredContract, Namespace extends string = '/'>(
  namespace: Namespace & NamespaceOf<Contract> = '/' as Namespace & NamespaceOf<Contract>,
): ClientSocket<Contract, Namespace> {
  const root = useContext(SocketContext);
  if (root === null) throw new Error('There is no PropagatorProvider around this component.');
  const socket = root.of(namespace);
  useOpen(socket);
  return socket;
}

/** Calls the listener for each event of this name: the listener of the last render. */
export function useEvent<Name extends string & keyof Received<DeclaredContract, '/'>>(
  event: Name,
  listener: Received<DeclaredContract, '/'>[Name],
): void;
export function useEvent<
  Namespace extends NamespaceOf<DeclaredContract>,
  Name extends string & keyof Received<DeclaredContract, Namespace>,
>(namespace: Namespace, event: Name, listener: Received<DeclaredContract, Namespace>[Name]): void;
export function useEvent(...given: readonly unknown[]): void {
  const [namespace, event, listener] = (given.length === 2 ? ['/', ...given] : given) as [
    string,
    string,
    (...args: unknown[]) => void,
  ];
  const socket = useSocket<unknown, string>(namespace);
  const last = useRef(listener);
  useEffect(() => {
    last.current = listener;
  });
  useEffect(() => {
    const call = (...args: unknown[]): void => last.current(...args);
    socket.on(event, call);
    return () => {
      socket.off(event, call);
    };
  }, [socket, event]);
}

/** The status of the socket of a namespace. */
export function useStatus(namespace: NamespaceOf<DeclaredContract> = '/'): ConnectionStatus {
  const { status } = useSocket<unknown, string>(namespace);
  return useSyncExternalStore(status.subscribe, status.get, status.get);
}

/** The presence of users, watched while the component is mounted. All components together ask the server once. */
export function usePresence(
  userIds: Iterable<string | number> & object,
  namespace: NamespaceOf<DeclaredContract> = '/',
): PresenceByUser {
  const socket = useSocket<unknown, string>(namespace);
  // An array of the same users is mostly another one in each render.
  const key = JSON.stringify(Array.from(userIds, String));
  const presence = useMemo(() => watchPresence(socket, JSON.parse(key) as string[]), [socket, key]);
  return useSyncExternalStore(presence.subscribe, presence.get, presence.get);
}

/** In strict mode an effect runs twice in one turn: only the second one connects. */
function useOpen(socket: AnySocket): void {
  useEffect(() => {
    let mounted = true;
    queueMicrotask(() => {
      if (mounted && socket.status.get().state === 'closed') socket.connect();
    });
    return () => {
      mounted = false;
    };
  }, [socket]);
}
