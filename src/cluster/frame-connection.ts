/** What Engine.IO is told of a packet. @internal */
export interface WriteOptions {
  readonly preEncoded: true;
  readonly volatile?: boolean;
  readonly compress?: boolean;
  readonly wsPreEncodedFrame?: readonly Buffer[];
}

/** What Socket.IO's own adapters use of a connection, too. @internal */
export interface FrameConnection {
  readonly protocol: number;
  readonly writeBuffer?: readonly unknown[];
  readonly transport: {
    readonly name: string;
    readonly writable: boolean;
    readonly perMessageDeflate?: unknown;
    readonly socket?: { readonly _sender?: { readonly sendFrame?: unknown } };
  };
  write(data: unknown, options: WriteOptions): void;
  close(discard?: boolean): unknown;
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

/** For any number of frames back to back, in one write: without data, because the frames are what is sent. @internal */
export function framed(frames: Buffer): WriteOptions {
  return { preEncoded: true, volatile: false, compress: true, wsPreEncodedFrame: [frames] };
}
