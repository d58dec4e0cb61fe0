import { isBytes } from '../kinds.js';
import { fnv1a } from '../wire/fnv.js';

/** Up to this many hashes are listed. For more, each sets a bit in this many bytes. */
const MAX_LISTED = 16_384;
const FILTER_BYTES = 128 * 1024;
const HASH_BYTES = 4;

/** The parameters of a repair request that name its channels. @internal */
export type EncodedChannels = { readonly channels: Buffer } | { readonly filter: Buffer };

/**
 * The channels of a repair request, as hashes, because there may be very many. It may hold other channels as well,
 * whose events the caller drops, and always holds those that it was made of.
 *
 * @internal
 */
export class ChannelFilter {
  /** @param hashes in order, or as bits: both are small, because a filter is kept for each instance that asks */
  private constructor(private readonly hashes: Uint32Array | Uint8Array) {}

  /** The memory that it takes. */
  get byteLength(): number {
    return this.hashes.byteLength;
  }

  static of(channels: Iterable<string>, isWanted: (channel: string) => boolean): ChannelFilter {
    const hashes: number[] = [];
    for (const channel of channels) if (isWanted(channel)) hashes.push(fnv1a(channel));
    if (hashes.length <= MAX_LISTED) return new ChannelFilter(Uint32Array.from(hashes).sort());
    const bits = new Uint8Array(FILTER_BYTES);
    for (const hash of hashes) {
      const [index, mask] = bitOf(bits, hash);
      bits[index] = (bits[index] ?? 0) | mask;
    }
    return new ChannelFilter(bits);
  }

  /** Reads the parameters of another instance. @throws TypeError */
  static decode({ channels, filter }: { channels?: unknown; filter?: unknown }): ChannelFilter {
    if (isBytes(filter) && filter.length > 0) {
      if (filter.length > FILTER_BYTES) throw new TypeError('"filter" is too long');
      return new ChannelFilter(Uint8Array.from(filter));
    }
    if (!isBytes(channels) || channels.length >= (MAX_LISTED + 1) * HASH_BYTES) {
      throw new TypeError('a repair needs "channels"');
    }
    const hashes = new Uint32Array(Math.floor(channels.length / HASH_BYTES));
    const view = new DataView(channels.buffer, channels.byteOffset, channels.byteLength);
    for (let index = 0; index < hashes.length; index++) {
      hashes[index] = view.getUint32(index * HASH_BYTES);
    }
    return new ChannelFilter(hashes.sort());
  }

  encode(): EncodedChannels {
    const { hashes } = this;
    if (isBytes(hashes)) {
      return { filter: Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength) };
    }
    const channels = Buffer.allocUnsafe(HASH_BYTES * hashes.length);
    let offset = 0;
    for (const hash of hashes) offset = channels.writeUInt32BE(hash, offset);
    return { channels };
  }

  has(channel: string): boolean {
    const { hashes } = this;
    const hash = fnv1a(channel);
    if (!isBytes(hashes)) return includes(hashes, hash);
    const [index, mask] = bitOf(hashes, hash);
    return ((hashes[index] ?? 0) & mask) !== 0;
  }
}

/** Whether sorted numbers have this one. */
function includes(sorted: Uint32Array, number: number): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? 0) < number) from = middle + 1;
    else to = middle;
  }
  return sorted[from] === number;
}

function bitOf(bits: Uint8Array, hash: number): [index: number, mask: number] {
  const bit = hash % (bits.length * 8);
  return [bit >> 3, 1 << (bit & 7)];
}
