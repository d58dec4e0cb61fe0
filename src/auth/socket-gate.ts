import type { Socket } from 'socket.io';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { AuthRefusal } from './auth-refusal.js';

/** Has the last word on who is let in, once it is known who that is. @internal */
export interface SocketGate {
  /** Resolves to the error to refuse the client with. Never rejects. `left` follows in any case. */
  admit(socket: Socket, identity: AuthenticatedIdentity): Promise<AuthRefusal | undefined>;
  left(socketId: string): void;
}
