import type { Server } from 'socket.io';
import { misused } from '../../options/checks.js';
import type { AdapterConstructor } from './command-adapter.js';

type SetAdapter = (this: Server, adapter?: unknown) => unknown;

/**
 * The adapter that a server has so far: one of Socket.IO's in-memory adapters, or a class of the app that extends one.
 *
 * @throws PropagatorError `option.invalid` where it brings a transport of its own, as createAdapter() of the Redis adapters does
 * @internal
 */
export function inMemoryAdapterOf(server: Server): AdapterConstructor {
  const adapter = server.adapter() as unknown as AdapterConstructor;
  const { prototype } = adapter as { prototype?: { broadcast?: unknown } };
  if (typeof prototype?.broadcast !== 'function') throw foreign();
  return adapter;
}

/** Nobody can take the server out of the cluster by setting another adapter. @internal */
export function keepAdapter(server: Server): void {
  const { adapter } = server as unknown as { readonly adapter: SetAdapter };
  const guarded: SetAdapter = function (this: Server, given) {
    if (given !== undefined) throw foreign();
    return adapter.call(this);
  };
  Object.assign(server, { adapter: guarded });
}

function foreign(): Error {
  return misused(
    'adapter',
    'another adapter of Socket.IO',
    'Leave it out, here and in server.adapter(): SocketStateAdapter brings its own, and with two of them clients would get each event several times.',
  );
}
