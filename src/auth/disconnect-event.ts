/** Told to a client before it is disconnected for a reason: `{ reason: string }`. */
export const DISCONNECT_EVENT = 'propagator:disconnect';
