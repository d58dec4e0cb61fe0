import {
  compressionWith,
  NO_COMPRESSION,
  type Compression,
  type CompressionOptions,
} from '../wire/compressed-frames.js';

/**
 * Everything of Engine.IO and ws that this library uses, private members included. No other file names a private member.
 * Each one is optional here: {@link engineFaults} lists at start those that are not as expected, and the functions below
 * then take the public path, which costs more and delivers the same.
 */

/** A packet in Engine.IO's write buffer. */
interface WaitingPacket {
  readonly data?: unknown;
  readonly options?: { readonly wsPreEncodedFrame?: readonly unknown[] };
}

/** Options of Engine.IO for one packet. @internal */
export interface WriteOptions {
  readonly compress?: boolean;
}

/** @internal */
export interface FramedOptions extends WriteOptions {
  /** Private: Engine.IO sends these frames instead of the data of the packet. */
  readonly wsPreEncodedFrame: readonly Buffer[];
}

interface Listened {
  listenerCount(event: string): number;
}

interface Transport {
  readonly name: string;
  readonly writable: boolean;
  /** A WebSocket of `ws`, or of another server; none for long polling. */
  readonly socket?: {
    readonly bufferedAmount?: number;
    readonly readyState?: number;
    terminate?(): void;
    /** Names of the extensions that the client and the server have agreed on. */
    readonly extensions?: string;
    /** Private. */
    readonly _extensions?: Readonly<Record<string, { readonly params?: DeflateParameters }>>;
    /** Private. */
    readonly _sender?: Sender;
    /** Private: the TCP socket. */
    readonly _socket?: {
      readonly bytesWritten?: number;
      readonly _handle?: { readonly writeQueueSize?: number } | null;
    };
  };
  discard?(): void;
  /** Private: ends long polling, whose end otherwise waits for the next poll. */
  shouldClose?: (() => void) | null;
  /** Private: whether Engine.IO sends finished frames as they are over this transport. */
  _canSendPreEncodedFrame?(packet: WaitingPacket): unknown;
}

interface Sender {
  /** Private. */
  sendFrame?(frames: readonly Buffer[]): void;
}

/** The parameters that a client and `ws` have agreed on for permessage-deflate (RFC 7692). */
interface DeflateParameters {
  readonly server_no_context_takeover?: unknown;
  readonly server_max_window_bits?: unknown;
}

/** A connection of Engine.IO: Socket.IO's `socket.conn`. @internal */
export interface EngineSocket extends Listened {
  readonly protocol: number;
  readonly readyState: string;
  /** Private. */
  readonly writeBuffer?: readonly WaitingPacket[];
  /** Private. */
  readonly server?: EngineServer;
  readonly transport: Transport;
  write(data: unknown, options: WriteOptions): void;
  close: (this: EngineSocket, discard?: boolean) => unknown;
  /** Private. */
  onClose?(reason: string): void;
  on(event: 'packetCreate', listener: (this: EngineSocket) => void): unknown;
}

/** @internal */
export interface EngineServer extends Listened {
  readonly clients: Readonly<Record<string, EngineSocket>>;
  /** Private. */
  readonly opts?: { readonly perMessageDeflate?: boolean | CompressionOptions };
  /** Private. */
  createTransport?(name: string, request: unknown): WritableTransport;
}

interface WritableTransport extends Transport {
  send(packets: readonly WaitingPacket[]): void;
  on(event: 'error', listener: () => void): unknown;
}

/** Memory that a packet takes beside its data. */
const PACKET_BYTES = 128;
const WS_OPEN = 1;
const WS_CLOSED = 3;

/** An event with more packets behind it is not replaced: to look for it would cost more than to keep it. */
const MAX_BEHIND = 1_024;
/** Memory that a key of {@link writeLatest} takes beside its text. */
const KEY_BYTES = 128;

/** The bookkeeping of a write buffer. */
interface Buffered {
  /** Packets at the start of the buffer that have been counted, and their bytes. */
  packets: number;
  bytes: number;
  /** The waiting packets of {@link writeLatest}, by key. */
  latest?: Map<string, readonly WaitingPacket[]>;
}

/** By buffer: Engine.IO starts a new one each time it sends one. */
const buffered = new WeakMap<readonly WaitingPacket[], Buffered>();

function bufferedIn(writeBuffer: readonly WaitingPacket[]): Buffered {
  let known = buffered.get(writeBuffer);
  if (known === undefined) {
    known = { packets: 0, bytes: 0 };
    buffered.set(writeBuffer, known);
  }
  return known;
}

/**
 * Bytes in the write buffer of a connection, not yet handed to its transport. Counts each packet once.
 *
 * @internal
 */
export function waitingBytes({ writeBuffer }: EngineSocket): number {
  if (!Array.isArray(writeBuffer) || writeBuffer.length === 0) return 0;
  const known = bufferedIn(writeBuffer);
  for (; known.packets < writeBuffer.length; known.packets++) {
    known.bytes += PACKET_BYTES + sizeOf(writeBuffer[known.packets]);
  }
  return known.bytes;
}

/** Bytes that the transport has and the network has not taken. @internal */
export function bytesInFlight({ transport }: EngineSocket): number {
  return numberOr(transport.socket?.bufferedAmount, 0);
}

const numberOr = (value: unknown, other: number): number =>
  typeof value === 'number' ? value : other;

/** A value that changes whenever the network takes bytes; undefined if the connection does not show it. @internal */
export function sendProgress({ transport }: EngineSocket): string | undefined {
  const tcp = transport.socket?._socket;
  const queued = tcp?._handle?.writeQueueSize;
  // Either number alone can stand still while a client takes all it can.
  if (typeof tcp?.bytesWritten !== 'number' || typeof queued !== 'number') return undefined;
  return `${tcp.bytesWritten} ${queued}`;
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

/** Whether a connection is closed, its WebSocket included. @internal */
export function isGone({ readyState, transport }: EngineSocket): boolean {
  return readyState === 'closed' && (transport.socket?.readyState ?? WS_CLOSED) === WS_CLOSED;
}

/**
 * Closes a connection at once and drops its waiting packets: an orderly close would wait behind them.
 *
 * @internal
 */
export function hardClose(connection: EngineSocket, reason: string): void {
  const { transport } = connection;
  try {
    // Makes long polling end at once instead of with the next poll.
    if (typeof transport.discard === 'function') transport.discard();
    if (typeof connection.onClose === 'function') connection.onClose(reason);
    else connection.close(true);
  } finally {
    if (typeof transport.socket?.terminate === 'function') transport.socket.terminate();
    if (typeof transport.shouldClose === 'function') transport.shouldClose();
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const TAKES_FRAMES = Symbol('propagator:takes frames');

interface KnownTransport extends Transport {
  /** Whether the connection takes finished frames; undefined until it was checked. */
  [TAKES_FRAMES]?: boolean;
}

/** Whether a connection takes finished frames. Checks each transport once. @internal */
export function takesFrames(connection: EngineSocket): boolean {
  const transport = connection.transport as KnownTransport;
  return (transport[TAKES_FRAMES] ??= isFramed(connection));
}

function isFramed({ protocol, transport, server }: EngineSocket): boolean {
  const sender = transport.socket?._sender;
  return (
    transport.name === 'websocket' &&
    protocol === 4 &&
    // Returns false for transports with compression.
    typeof transport._canSendPreEncodedFrame === 'function' &&
    transport._canSendPreEncodedFrame({ options: framed(PROBE) }) === true &&
    isObject(server) &&
    passesFrames(server) &&
    isObject(sender) &&
    sendsFrames(sender)
  );
}

const PROBE = Buffer.from('probe');
const ignore = (): void => undefined;

const DEFLATE = 'permessage-deflate';
const COMPRESSION = Symbol('propagator:compression');

interface CompressedTransport extends Transport {
  /** Null if there is none; undefined until it was checked. */
  [COMPRESSION]?: Compression | null;
}

/**
 * How frames for a connection are compressed, on a server with `perMessageDeflate`; undefined if they are not written
 * by this library. Checks each transport once.
 *
 * A frame that was compressed by itself can be read by every client that has agreed on compression. But it enters the
 * client's window, to which the next message of ws may refer, and not the window of ws. So it needs a client that
 * ws agreed with to use no window of earlier messages.
 *
 * @internal
 */
export function compressionOf(connection: EngineSocket): Compression | undefined {
  const transport = connection.transport as CompressedTransport;
  if (transport[COMPRESSION] === undefined) {
    transport[COMPRESSION] = agreedCompression(connection) ?? null;
  }
  return transport[COMPRESSION] ?? undefined;
}

function agreedCompression({ protocol, transport, server }: EngineSocket): Compression | undefined {
  const { name, socket } = transport;
  const options = isObject(server) ? server.opts?.perMessageDeflate : undefined;
  const isKnown =
    name === 'websocket' &&
    protocol === 4 &&
    isObject(options) &&
    isObject(socket?._sender) &&
    sendsFrames(socket._sender);
  if (!isKnown) return undefined;
  if (socket?.extensions === '') return NO_COMPRESSION;
  const agreed = deflateParameters(transport);
  if (agreed?.server_no_context_takeover !== true) return undefined;
  return compressionWith(options, agreed.server_max_window_bits);
}

function deflateParameters({ socket }: Transport): DeflateParameters | undefined {
  const { _extensions: extensions } = socket ?? {};
  if (!isObject(extensions)) return undefined;
  const { [DEFLATE]: deflate } = extensions;
  return isObject(deflate) && isObject(deflate.params) ? deflate.params : undefined;
}

/** Results of {@link passesFrames}, by server. */
const passing = new WeakMap<EngineServer, boolean>();

/** Whether the transports of a server pass finished frames on unchanged. Tries it with a transport without a client. */
function passesFrames(server: EngineServer): boolean {
  let passes = passing.get(server);
  if (passes === undefined) {
    passes = passesProbe(server);
    passing.set(server, passes);
  }
  return passes;
}

function passesProbe(server: EngineServer): boolean {
  // With compression a transport encodes the frame itself, and its _canSendPreEncodedFrame says so.
  if (server.opts?.perMessageDeflate) return true;
  const sent: unknown[] = [];
  const socket = {
    readyState: WS_OPEN,
    on: ignore,
    once: ignore,
    send: (data: unknown) => sent.push(data),
    _sender: { sendFrame: (frames: readonly unknown[]) => sent.push(...frames) },
  };
  try {
    const request = { websocket: socket, _query: { EIO: '4' }, headers: {} };
    const transport = server.createTransport?.('websocket', request);
    transport?.on('error', ignore);
    transport?.send([{ type: 'message', options: framed(PROBE) } as WaitingPacket]);
  } catch {
    return false;
  }
  return sent.length === 1 && sent[0] === PROBE;
}

/** Results of {@link sendsFrames}, by the prototype of the sender: each copy of ws has its own. */
const sending = new WeakMap<object, boolean>();

/** Whether a sender of ws writes frames to its TCP socket unchanged. Tries it with a stand-in for the TCP socket. */
function sendsFrames(sender: Sender): boolean {
  if (typeof sender.sendFrame !== 'function') return false;
  const kind = Object.getPrototypeOf(sender) as object;
  let sends = sending.get(kind);
  if (sends === undefined) {
    const written: unknown[] = [];
    const write = (data: unknown): boolean => written.push(data) > 0;
    try {
      const trial = Object.create(sender, {
        _socket: { value: { cork: ignore, uncork: ignore, write } },
      }) as Required<Sender>;
      trial.sendFrame([PROBE]);
    } catch {
      // An unknown kind of sender.
    }
    sends = written.length === 1 && written[0] === PROBE;
    sending.set(kind, sends);
  }
  return sends;
}

/** Private members of Engine.IO that are not as expected. @internal */
export function engineFaults(server: EngineServer): string[] {
  return passesFrames(server) ? [] : ['finished frames (wsPreEncodedFrame)'];
}

/** Private members of a connection that are not as expected. @internal */
export function connectionFaults(connection: EngineSocket): string[] {
  const faults: string[] = [];
  if (!Array.isArray(connection.writeBuffer)) {
    faults.push(
      'Socket.writeBuffer (the buffers of slow clients are not limited, and latestOnly replaces no event)',
    );
  }
  if (typeof connection.onClose !== 'function') faults.push('Socket.onClose');
  if (!isObject(connection.server)) faults.push('Socket.server');
  const { transport } = connection;
  const { name, socket } = transport;
  if (name !== 'websocket') return faults;
  if (typeof transport._canSendPreEncodedFrame !== 'function')
    faults.push('WebSocket._canSendPreEncodedFrame');
  if (!isObject(socket?._sender) || !sendsFrames(socket._sender)) {
    faults.push('Sender.sendFrame of ws');
  }
  if (socket?.extensions === DEFLATE && deflateParameters(transport) === undefined) {
    faults.push('WebSocket._extensions of ws (each connection compresses for itself)');
  }
  const tcp = socket?._socket;
  if (typeof tcp?.bytesWritten !== 'number') faults.push('WebSocket._socket of ws');
  else if (tcp._handle && typeof tcp._handle.writeQueueSize !== 'number') {
    faults.push('writeQueueSize of the TCP socket');
  }
  return faults;
}

/** The connections of a server. Not with for...in, which also visits properties on Object.prototype. @internal */
export function clientsOf({ clients }: EngineServer): EngineSocket[] {
  return isObject(clients) ? Object.values(clients) : [];
}

/** Whether the network has not taken all written bytes. @internal */
export function isBackpressured({ transport }: EngineSocket): boolean {
  return !transport.writable || numberOr(transport.socket?.bufferedAmount, 0) > 0;
}

/**
 * Writes frames without Engine.IO, whose bookkeeping for a packet costs about as much as the write. Does so only if no
 * packet waits and nobody listens to Engine.IO's events, and otherwise returns false. When the network does not keep up,
 * packets take the way through Engine.IO, whose buffer then shows them.
 *
 * @internal
 */
export function writeDirectly(connection: EngineSocket, frames: readonly Buffer[]): boolean {
  if (!canWriteDirectly(connection)) return false;
  connection.transport.socket?._sender?.sendFrame?.(frames);
  return true;
}

/** Whether {@link writeDirectly} writes. Then ws compresses no message either. @internal */
export function canWriteDirectly(connection: EngineSocket): boolean {
  const { readyState, writeBuffer, transport, server } = connection;
  const { socket } = transport;
  return (
    readyState === 'open' &&
    writeBuffer?.length === 0 &&
    socket?.readyState === WS_OPEN &&
    socket.bufferedAmount === 0 &&
    transport.writable &&
    // One listener of `packetCreate` is the library's own.
    connection.listenerCount('packetCreate') <= 1 &&
    !hasFlushListeners(connection) &&
    !(isObject(server) && hasFlushListeners(server))
  );
}

function hasFlushListeners(listened: Listened): boolean {
  return listened.listenerCount('flush') > 0 || listened.listenerCount('drain') > 0;
}

/** Returns true while packets wait in the connection's write buffer, or bytes in its TCP socket. @internal */
export function isWaiting(connection: EngineSocket): boolean {
  return isBackpressured(connection) || connection.writeBuffer?.length !== 0;
}

/**
 * Writes an event as one or more packets. If they have to wait, they replace the packets of the last event with the same key
 * that still wait. An event whose first packet is on its way is not replaced: clients need all of its packets. Returns whether
 * an event was replaced.
 *
 * @param options used for no other event
 * @internal
 */
export function writeLatest(
  connection: EngineSocket,
  key: string,
  parts: readonly unknown[],
  options: WriteOptions,
): boolean {
  const { writeBuffer } = connection;
  const before = writeBuffer?.length;
  for (const part of parts) connection.write(part, options);
  // Engine.IO sends the whole buffer at once, and starts a new one.
  if (!Array.isArray(writeBuffer) || connection.writeBuffer !== writeBuffer) return false;
  const packets = (writeBuffer as WaitingPacket[]).slice(before);
  const isOurs = (packet: WaitingPacket): boolean => packet.options === options;
  if (packets.length !== parts.length || !packets.every(isOurs)) return false;
  const known = bufferedIn(writeBuffer);
  known.latest ??= new Map();
  const replaced = known.latest.get(key);
  known.latest.set(key, packets);
  if (replaced !== undefined) return removeWaiting(writeBuffer, known, replaced);
  known.bytes += KEY_BYTES + key.length;
  return false;
}

/** Removes consecutive packets from a buffer; the newest ones are the likely ones. */
function removeWaiting(
  writeBuffer: WaitingPacket[],
  known: Buffered,
  packets: readonly WaitingPacket[],
): boolean {
  const oldest = Math.max(0, writeBuffer.length - MAX_BEHIND);
  let start = writeBuffer.length - 1;
  while (start >= oldest && writeBuffer[start] !== packets[0]) start--;
  const isThere = packets.every((packet, i) => writeBuffer[start + i] === packet);
  if (start < oldest || !isThere) return false;
  writeBuffer.splice(start, packets.length);
  const wereCounted = Math.max(0, Math.min(known.packets - start, packets.length));
  for (const packet of packets.slice(0, wereCounted)) known.bytes -= PACKET_BYTES + sizeOf(packet);
  known.packets -= wereCounted;
  return true;
}

/** Options that write any number of consecutive frames at once, in place of data. @internal */
export function framed(frames: Buffer): FramedOptions {
  return { compress: true, wsPreEncodedFrame: [frames] };
}
