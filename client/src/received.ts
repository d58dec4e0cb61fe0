import type { Socket } from 'socket.io-client';

/** The number of remembered offsets. Few are enough: a server sends an event twice only around a reconnect. */
const MAX_OFFSETS = 1_024;

const OFFSET = /^[\w-]{19}$/;
/**
 * The offset of an event of an instance: the origin, 8 bytes, and the sequence, 6 bytes, each as base64url. Another one is a hash of
 * an event of another program: two equal events have the same.
 */
const OF_INSTANCE = /^.{10}[AEIMQUYcgkosw048]/;

/** Private members of Socket.IO's socket. Without them events pass as they are. */
interface Inner {
  emitEvent?: (args: readonly unknown[]) => void;
  /** Set if the server can recover the connection. */
  _pid?: string;
  _lastOffset?: string;
}

/**
 * Drops events that the socket has received already, and strips the offset, which a server with recovery appends to the
 * arguments of an event, before the listeners get them.
 *
 * @internal
 */
export function dropRepeated(socket: Socket): void {
  const inner = socket as unknown as Inner;
  const { emitEvent } = inner;
  if (typeof emitEvent !== 'function') return;
  const seen = new Set<string>();
  let last: string | undefined;
  inner.emitEvent = (args) => {
    const offset = args.at(-1);
    if (inner._pid === undefined || typeof offset !== 'string' || !OFFSET.test(offset)) {
      try {
        emitEvent.call(socket, args);
      } finally {
        // Restore the offset: Socket.IO takes any string that is the last argument for one.
        if (last !== undefined) inner._lastOffset = last;
      }
      return;
    }
    if (seen.has(offset)) return;
    if (OF_INSTANCE.test(offset)) seen.add(offset);
    if (seen.size > MAX_OFFSETS) {
      const [oldest = ''] = seen;
      seen.delete(oldest);
    }
    last = offset;
    try {
      emitEvent.call(socket, args.slice(0, -1));
    } finally {
      inner._lastOffset = offset;
    }
  };
}
