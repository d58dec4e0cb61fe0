import type { BroadcastOptions } from 'socket.io-adapter';
import type { Delivery } from './local-namespace.js';

/** A delivery, as the adapters of Socket.IO understand it. @internal */
export function optionsOf({ rooms, except, volatile, compress }: Delivery): BroadcastOptions {
  return {
    rooms: new Set(rooms),
    except: new Set(except),
    // Absent rather than false: the base class asks whether the flag is undefined.
    flags: { ...(volatile && { volatile }), ...(!compress && { compress }) },
  };
}
