/** What Engine.IO is told of a packet. @internal */
export interface WriteOptions {
  readonly preEncoded: true;
  readonly volatile?: boolean;
  readonly compress?: boolean;
}

/** @internal */
export interface FramedOptions extends WriteOptions {
  readonly wsPreEncodedFrame: readonly Buffer[];
}

interface Listened {
  listenerCount(event: string): number;
}

/** What Socket.IO's own adapters use of a connection, too, and what its Engine.IO does to write. @internal */
export interface FrameConnection extends Listened {
  readonly protocol: number;
  readonly readyState: string;
  readonly writeBuffer?: readonly unknown[];
  readonly server?: Listened;
  readonly transport: {
    readonly name: string;
    readonly writable: boolean;
    readonly perMessageDeflate?: unknown;
    /** Of `ws`. */
    readonly socket?: {
      readonly readyState?: number;
      readonly _sender?: { readonly sendFrame?: (frames: readonly Buffer[]) => void };
      readonly _socket?: { readonly writableLength?: number } | null;
    };
  };
  write(data: unknown, options: WriteOptions): void;
  close: (this: FrameConnection, discard?: boolean) => unknown;
  on(event: 'packetCreate', listener: (this: FrameConnection) => void): unknown;
}

/** Whether finished frames can be written to it as they are. @internal */
export function takesFrames({ protocol, transport }: FrameConnection): boolean {
  return (
    transport.name === 'websocket' &&
    protocol === 4 &&
    !transport.perMessageDeflate &&
    typeof transport.socket?._sender?.sendFrame === 'function'
  );
}

const WS_OPEN = 1;

/** Whether the network has not taken all that was written. @internal */
export function isBehind({ transport }: FrameConnection): boolean {
  return !transport.writable || (transport.socket?._socket?.writableLength ?? 0) > 0;
}

/**
 * Writes frames past Engine.IO, whose bookkeeping for a packet costs about as much as the write. Only where nothing waits
 * and nobody follows what Engine.IO does; returns false elsewhere. As soon as the network does not keep up Engine.IO has
 * the rest, and knows what waits.
 *
 * @internal
 */
export function wroteDirectly(connection: FrameConnection, frames: readonly Buffer[]): boolean {
  const { readyState, writeBuffer, transport, server } = connection;
  const { socket } = transport;
  if (
    readyState !== 'open' ||
    writeBuffer?.length !== 0 ||
    socket?.readyState !== WS_OPEN ||
    socket._socket?.writableLength !== 0 ||
    !transport.writable ||
    // One of the listeners of `packetCreate` is ours.
    connection.listenerCount('packetCreate') > 1 ||
    isFollowed(connection) ||
    (server !== undefined && isFollowed(server))
  ) {
    return false;
  }
  socket._sender?.sendFrame?.(frames);
  return true;
}

function isFollowed(listened: Listened): boolean {
  return listened.listenerCount('flush') > 0 || listened.listenerCount('drain') > 0;
}

/** For any number of frames back to back, in one write: without data, because the frames are what is sent. @internal */
export function framed(frames: Buffer): FramedOptions {
  return { preEncoded: true, volatile: false, compress: true, wsPreEncodedFrame: [frames] };
}
