export type { EventContract } from '../../src/contract/define-events.js';
export type { NamespaceOf } from '../../src/contract/event-types.js';
export {
  connect,
  type AnyEvents,
  type ClientSocket,
  type ClientTypes,
  type ConnectOptions,
  type DeclaredContract,
  type Emitted,
  type PropagatorEvents,
  type PropagatorSocket,
  type Received,
} from './connect.js';
export type { GapNotice } from './link.js';
export { EmitError, type OutboxOptions } from './outbox.js';
export type { ConnectionState, ConnectionStatus } from './status.js';
export type { Store } from './store.js';
export type { GetToken, TokenRequest } from './tokens.js';
