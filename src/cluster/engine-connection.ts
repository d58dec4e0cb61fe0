/** A packet that waits in Engine.IO. */
interface WaitingPacket {
  readonly data?: unknown;
  readonly options?: { readonly wsPreEncodedFrame?: readonly unknown[] };
}

/**
 * What is used of a connection of Engine.IO. Where a version, or another WebSocket server than `ws`, lacks what is
 * optional here, it is closed as Engine.IO does it.
 *
 * @internal
 */
export interface EngineConnection {
  readonly readyState: string;
  readonly writeBuffer?: readonly WaitingPacket[];
  readonly transport: {
    /** Of `ws`. */
    readonly socket?: {
      readonly bufferedAmount?: number;
      readonly readyState?: number;
      terminate?(): void;
      readonly _socket?: {
        readonly bytesWritten?: number;
        readonly _handle?: { readonly writeQueueSize?: number } | null;
      };
    };
    discard?(): void;
    /** Of long polling: what ends it, while its end waits for the next poll. */
    shouldClose?: (() => void) | null;
  };
  close(discard?: boolean): void;
  onClose?(reason: string): void;
}

/** @internal */
export interface EngineServer {
  readonly clients: Readonly<Record<string, EngineConnection>>;
}

/** What a packet takes beside its data. */
const PACKET_BYTES = 128;
const WS_CLOSED = 3;

/** What of a buffer was counted already. */
interface Counted {
  packets: number;
  bytes: number;
}

/** By buffer: Engine.IO makes a new one whenever it hands one on to be sent. */
const counted = new WeakMap<readonly WaitingPacket[], Counted>();

/**
 * How much waits for a client behind what is being sent. Each packet is looked at once.
 *
 * @internal
 */
export function waitingBytes({ writeBuffer }: EngineConnection): number {
  if (writeBuffer === undefined || writeBuffer.length === 0) return 0;
  let known = counted.get(writeBuffer);
  if (known === undefined) {
    known = { packets: 0, bytes: 0 };
    counted.set(writeBuffer, known);
  }
  for (; known.packets < writeBuffer.length; known.packets++) {
    known.bytes += PACKET_BYTES + sizeOf(writeBuffer[known.packets]);
  }
  return known.bytes;
}

/** How much is being sent and has not been taken by the network. @internal */
export function bytesUnderWay({ transport }: EngineConnection): number {
  return transport.socket?.bufferedAmount ?? 0;
}

/** Changes with everything that the network takes. @internal */
export function sendProgress({ transport }: EngineConnection): string {
  const tcp = transport.socket?._socket;
  return `${tcp?.bytesWritten} ${tcp?._handle?.writeQueueSize}`;
}

function sizeOf(packet: WaitingPacket | undefined): number {
  const frames = packet?.options?.wsPreEncodedFrame;
  if (frames === undefined) return lengthOf(packet?.data);
  let bytes = 0;
  for (const frame of frames) bytes += lengthOf(frame);
  return bytes;
}

function lengthOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  const { byteLength } = (data ?? {}) as { byteLength?: unknown };
  return typeof byteLength === 'number' ? byteLength : 0;
}

/** Whether nothing is left of a connection that was closed. @internal */
export function isGone({ readyState, transport }: EngineConnection): boolean {
  return readyState === 'closed' && (transport.socket?.readyState ?? WS_CLOSED) === WS_CLOSED;
}

/**
 * Closes a connection now, with all that waits for it: an orderly end would wait behind that.
 *
 * @internal
 */
export function hardClose(connection: EngineConnection, reason: string): void {
  const { transport } = connection;
  try {
    // Long polling ends at once then, and does not wait for the next poll.
    transport.discard?.();
    if (connection.onClose === undefined) connection.close(true);
    else connection.onClose(reason);
  } finally {
    transport.socket?.terminate?.();
    transport.shouldClose?.();
  }
}
