import type { BroadcastOptions } from 'socket.io-adapter';
import type { Delivery } from '../routing/local-namespace.js';

/** What the adapters of Socket.IO are told, and keep with a packet. @internal */
export type KeptOptions = BroadcastOptions & Pick<Delivery, 'within'>;

/** A delivery, as the adapters of Socket.IO understand it. @internal */
export function optionsOf({ rooms, except, within, volatile, compress }: Delivery): KeptOptions {
  return {
    rooms: new Set(rooms),
    except: new Set(except),
    within,
    // Absent rather than false: the base class asks whether the flag is undefined.
    flags: { ...(volatile && { volatile }), ...(!compress && { compress }) },
  };
}
