import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { WirePacket } from '../../wire/wire-packet.js';
import type { Compression } from '../../wire/compressed-frames.js';
import {
  canWriteDirectly,
  compressionOf,
  framed,
  takesFrames,
  writeDirectly,
  type EngineSocket,
  type FramedOptions,
} from '../engine-socket.js';
import type { SlowClients } from './slow-clients.js';
import { onNextTick } from '../../reporting/timers.js';

/** Larger writes are not joined, in bytes: copying them costs more than the system call that it saves. */
const MAX_BYTES = 32 * 1024;
/** Frames for one connection are not compressed in the event loop if they are longer, in bytes: ws does that in other threads. */
const MAX_ALONE_BYTES = 16 * 1024;

/** Packets for a connection, in order: the last one, and a chain of those before. Connections with the same packets share it. */
class WriteChain {
  readonly bytes: number;
  /** The number of connections with these packets. */
  connections = 0;
  private next: WriteChain | undefined;
  private lazyOptions: FramedOptions | undefined;
  private lazyCompressed: Map<Compression, readonly Buffer[] | undefined> | undefined;

  constructor(
    readonly packet: WirePacket,
    readonly before: WriteChain | undefined,
  ) {
    this.bytes = packet.frames.length + (before?.bytes ?? 0);
  }

  followedBy(packet: WirePacket): WriteChain {
    if (this.next?.packet !== packet) this.next = new WriteChain(packet, this);
    return this.next;
  }

  /** Options for Engine.IO: one object for all connections. */
  get options(): FramedOptions {
    return (this.lazyOptions ??= framed(framesOf(this)));
  }

  /** Frames for connections with this compression; undefined if each has to compress for itself. */
  compressed(compression: Compression): readonly Buffer[] | undefined {
    const isAlone = this.connections <= 1 && this.bytes > MAX_ALONE_BYTES;
    if (isAlone && this.bytes >= compression.threshold) return undefined;
    this.lazyCompressed ??= new Map();
    if (!this.lazyCompressed.has(compression)) {
      this.lazyCompressed.set(compression, compressedFramesOf(this, compression));
    }
    return this.lazyCompressed.get(compression);
  }
}

function packetsOf(last: WriteChain): WirePacket[] {
  const packets: WirePacket[] = [];
  for (let batch: WriteChain | undefined = last; batch !== undefined; batch = batch.before) {
    packets.push(batch.packet);
  }
  return packets.toReversed();
}

function framesOf(last: WriteChain): Buffer {
  if (last.before === undefined) return last.packet.frames;
  const frames = Buffer.allocUnsafe(last.bytes);
  let end = last.bytes;
  for (let batch: WriteChain | undefined = last; batch !== undefined; batch = batch.before) {
    end -= batch.packet.frames.length;
    frames.set(batch.packet.frames, end);
  }
  return frames;
}

function compressedFramesOf(
  last: WriteChain,
  compression: Compression,
): readonly Buffer[] | undefined {
  const frames: Buffer[] = [];
  for (const packet of packetsOf(last)) {
    const compressed = packet.compressed(compression);
    if (compressed === undefined) return undefined;
    frames.push(compressed);
  }
  return frames.length === 1 ? frames : [Buffer.concat(frames)];
}

const PLAIN = { compress: true };
const WAITING = Symbol('propagator:waiting');
const CLOSE = Symbol('propagator:close');

interface CoalescedConnection extends EngineSocket {
  /** Present on every connection that a packet was ever added for. */
  [WAITING]?: WriteChain | undefined;
  [CLOSE]?: EngineSocket['close'];
}

/**
 * Joins the packets for a connection in one turn of the event loop into one write: most of the cost of a write is its
 * system call. Other packets over the connection, and its close, come after the waiting packets.
 *
 * @internal
 */
export class WriteCoalescer {
  private connections: CoalescedConnection[] = [];
  /** The last chain of one packet: the next connection is likely to get the same packet. */
  private first: WriteChain | undefined;
  private readonly flushOnNextTick: () => void;

  constructor(
    private readonly slow: SlowClients,
    private readonly reporter: Reporter,
  ) {
    const failed = (error: unknown): void => this.failed(error);
    this.flushOnNextTick = onNextTick(failed, () => this.flush());
  }

  /** Adds a packet for a connection that takes finished frames, compressed or not. */
  add(connection: CoalescedConnection, packet: WirePacket): void {
    const waiting = connection[WAITING];
    if (waiting !== undefined && waiting.bytes + packet.frames.length <= MAX_BYTES) {
      holdFor(connection, waiting.followedBy(packet));
      return;
    }
    if (waiting !== undefined) writeWaiting(connection);
    else if (!(WAITING in connection)) keepInOrder(connection);
    if (this.first?.packet !== packet) this.first = new WriteChain(packet, undefined);
    holdFor(connection, this.first);
    if (this.connections.length === 0) this.flushOnNextTick();
    this.connections.push(connection);
  }

  /** Whether packets wait for a connection. */
  holds(connection: CoalescedConnection): boolean {
    return connection[WAITING] !== undefined;
  }

  /** Writes the packets that wait for a connection, before another packet that is not joined with them. */
  writeNow(connection: CoalescedConnection): void {
    writeWaiting(connection);
  }

  private flush(): void {
    const { connections } = this;
    this.connections = [];
    this.first = undefined;
    for (const connection of connections) {
      try {
        writeWaiting(connection);
      } catch (error) {
        this.failed(error);
      }
      try {
        // Most clients have no waiting packets.
        if (connection.writeBuffer?.length) this.slow.wrote(connection);
      } catch (error) {
        this.failed(error);
      }
    }
  }

  private failed(error: unknown): void {
    this.reporter.report('listener.failed', () => `a write to a connection: ${reasonOf(error)}`);
  }
}

function holdFor(connection: CoalescedConnection, chain: WriteChain): void {
  chain.connections++;
  connection[WAITING] = chain;
}

function writeWaiting(connection: CoalescedConnection): void {
  const waiting = connection[WAITING];
  if (waiting === undefined) return;
  connection[WAITING] = undefined;
  if (takesFrames(connection)) {
    const { options } = waiting;
    if (writeDirectly(connection, options.wsPreEncodedFrame)) return;
    connection.write(undefined, options);
    return;
  }
  const compression = compressionOf(connection);
  if (compression !== undefined && canWriteDirectly(connection)) {
    const frames = waiting.compressed(compression);
    if (frames !== undefined && writeDirectly(connection, frames)) return;
  }
  for (const { parts } of packetsOf(waiting)) {
    for (const part of parts) connection.write(part, PLAIN);
  }
}

/** Writes waiting packets first. Engine.IO emits `packetCreate` before it takes a packet, but no event before a close. */
function keepInOrder(connection: CoalescedConnection): void {
  connection[WAITING] = undefined;
  connection.on('packetCreate', writeWaitingOfThis);
  connection[CLOSE] = connection.close;
  connection.close = closeInTurn;
}

function writeWaitingOfThis(this: CoalescedConnection): void {
  writeWaiting(this);
}

function closeInTurn(this: CoalescedConnection, discard?: boolean): unknown {
  writeWaiting(this);
  return this[CLOSE]?.(discard);
}
