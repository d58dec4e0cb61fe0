import type { BroadcastOptions } from 'socket.io-adapter';
import type { Delivery } from '../routing/local-namespace.js';

/** Options that Socket.IO's adapters take, and keep with a packet for connection recovery. @internal */
export type KeptOptions = BroadcastOptions & Pick<Delivery, 'within'>;

/** Converts a delivery into options of Socket.IO's adapters. @internal */
export function optionsOf({ rooms, except, within, volatile, compress }: Delivery): KeptOptions {
  return {
    rooms: new Set(rooms),
    except: new Set(except),
    within,
    // Absent rather than false: the base class checks whether the flag is undefined.
    flags: { ...(volatile && { volatile }), ...(!compress && { compress }) },
  };
}
