import type { Socket } from 'socket.io-client';
import type {
  ChatToClient,
  ChatToServer,
  MainToClient,
  MainToServer,
  PresenceToClient,
  PresenceToServer,
} from '../../../shared/events.js';

export interface Sockets {
  readonly '/': Socket<MainToClient, MainToServer>;
  readonly '/chat': Socket<ChatToClient, ChatToServer>;
  readonly '/presence': Socket<PresenceToClient, PresenceToServer>;
}

export type Namespace = keyof Sockets;

export const NAMESPACES = ['/', '/chat', '/presence'] as const satisfies readonly Namespace[];
