import type { InstanceId } from '../wire/envelope.js';

const ENTRIES_PER_CHUNK = 8_192;
/** 4 MiB in all. */
const MAX_CHUNKS = 32;
const MAX_ORIGINS = 65_535;
/** Above the number of origins, so that origin and sequence fit into one number. */
const ORIGIN_RANGE = 2 ** 16;

/** @internal */
export interface ReceivedLogLimits {
  readonly entriesPerChunk: number;
  readonly chunks: number;
}

interface Chunk {
  readonly origins: Uint16Array;
  readonly channels: Uint32Array;
  readonly sequences: Float64Array;
  /** Monotonic time (`performance.now()`). */
  readonly startedAt: number;
  length: number;
  index: ChunkIndex | undefined;
}

/** Most events arrive over one channel. The set has the other channels of events that arrived over several. */
interface ChunkIndex {
  readonly firstChannels: Map<number, number>;
  readonly others: Set<string>;
}

/**
 * The envelopes that this instance received recently: origin, channel and sequence, as a few numbers each. It is
 * indexed only while duplicates are possible.
 *
 * @internal
 */
export class ReceivedLog {
  private readonly originIndexes = new Map<InstanceId, number>();
  private readonly lastSequences: number[] = [];
  private readonly chunks: Chunk[] = [];
  /** Since when the log is complete. */
  private completeSince = -Infinity;
  private indexed = false;
  /** Whether {@link has} was called since the last chunk was begun. */
  private asked = false;

  constructor(
    private readonly limits: ReceivedLogLimits = {
      entriesPerChunk: ENTRIES_PER_CHUNK,
      chunks: MAX_CHUNKS,
    },
  ) {}

  /** @param channel the hash of its name */
  add(origin: InstanceId, sequence: number, channel: number): void {
    const number = this.originIndexes.get(origin) ?? this.addOrigin(origin);
    if (sequence > (this.lastSequences[number] ?? 0)) this.lastSequences[number] = sequence;
    let chunk = this.chunks.at(-1);
    if (chunk === undefined || chunk.length === this.limits.entriesPerChunk) {
      chunk = this.newChunk();
    }
    const at = chunk.length++;
    chunk.origins[at] = number;
    chunk.channels[at] = channel;
    chunk.sequences[at] = sequence;
    if (chunk.index !== undefined) addTo(chunk.index, keyOf(number, sequence), channel);
  }

  /** Whether the envelope has been received, as far as the log goes back. */
  has(origin: InstanceId, sequence: number, channel: number): boolean {
    const number = this.originIndexes.get(origin);
    // Most envelopes are newer than all in the log.
    if (number === undefined || sequence > (this.lastSequences[number] ?? 0)) return false;
    this.asked = true;
    this.indexed = true;
    const key = keyOf(number, sequence);
    return this.chunks.some((chunk) => isIn((chunk.index ??= indexOf(chunk)), key, channel));
  }

  /** How far the log goes back, in ms; infinite until the first entries are dropped. */
  get coversMs(): number {
    return performance.now() - this.completeSince;
  }

  /** The highest sequence received from an instance; 0 for none. */
  lastOf(origin: InstanceId): number {
    return this.lastSequences[this.originIndexes.get(origin) ?? -1] ?? 0;
  }

  /** The highest sequence received from each instance. */
  lastOfAll(): Map<InstanceId, number> {
    const last = [...this.originIndexes].map(([id, number]) => [
      id,
      this.lastSequences[number] ?? 0,
    ]);
    return new Map(last as [InstanceId, number][]);
  }

  /** Drops the index: no duplicates are expected. */
  dropIndex(): void {
    if (!this.indexed) return;
    for (const chunk of this.chunks) chunk.index = undefined;
    this.indexed = false;
  }

  private addOrigin(origin: InstanceId): number {
    if (this.originIndexes.size >= MAX_ORIGINS) this.clear();
    const number = this.originIndexes.size;
    this.originIndexes.set(origin, number);
    this.lastSequences.push(0);
    return number;
  }

  private newChunk(): Chunk {
    if (!this.asked) this.dropIndex();
    this.asked = false;
    const { entriesPerChunk } = this.limits;
    const chunk: Chunk = {
      origins: new Uint16Array(entriesPerChunk),
      channels: new Uint32Array(entriesPerChunk),
      sequences: new Float64Array(entriesPerChunk),
      startedAt: performance.now(),
      length: 0,
      index: undefined,
    };
    this.chunks.push(chunk);
    if (this.chunks.length > this.limits.chunks) {
      this.chunks.shift();
      this.completeSince = this.chunks[0]?.startedAt ?? performance.now();
    }
    return chunk;
  }

  private clear(): void {
    this.originIndexes.clear();
    this.lastSequences.length = 0;
    this.chunks.length = 0;
    this.completeSince = performance.now();
  }
}

/** Exact up to 2^37 events of an instance. */
function keyOf(origin: number, sequence: number): number {
  return sequence * ORIGIN_RANGE + origin;
}

function indexOf({ origins, channels, sequences, length }: Chunk): ChunkIndex {
  const index: ChunkIndex = { firstChannels: new Map(), others: new Set() };
  for (let i = 0; i < length; i++) {
    addTo(index, keyOf(origins[i] ?? 0, sequences[i] ?? 0), channels[i] ?? 0);
  }
  return index;
}

function addTo({ firstChannels, others }: ChunkIndex, key: number, channel: number): void {
  const first = firstChannels.get(key);
  if (first === undefined) firstChannels.set(key, channel);
  else if (first !== channel) others.add(`${key}:${channel}`);
}

function isIn({ firstChannels, others }: ChunkIndex, key: number, channel: number): boolean {
  const first = firstChannels.get(key);
  return first !== undefined && (first === channel || others.has(`${key}:${channel}`));
}
