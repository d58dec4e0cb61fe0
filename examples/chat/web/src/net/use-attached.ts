import { useEffect } from 'react';
import { useSocket } from './socket-provider.js';
import type { Namespace, Sockets } from './sockets.js';

interface Follower<Socket> {
  attach(socket: Socket): () => void;
}

/** Makes a store follow the socket of a namespace, from one connection to the next. */
export function useAttached<Name extends Namespace>(
  namespace: Name,
  follower: Follower<Sockets[Name]>,
): void {
  const socket = useSocket(namespace);
  useEffect(() => follower.attach(socket), [follower, socket]);
}
