import calculateSlot from 'cluster-key-slot';
import type { RedisClient } from '../options/redis-options.js';

/**
 * SUBSCRIBE on a single Redis or Sentinel; SSUBSCRIBE, one command per hash slot, on a Cluster, which replies
 * CROSSSLOT to channels of several slots in one command.
 *
 * @internal
 */
export class SubscribeCommands {
  constructor(
    private readonly client: RedisClient,
    private readonly cluster: boolean,
  ) {}

  get name(): 'SUBSCRIBE' | 'SSUBSCRIBE' {
    return this.cluster ? 'SSUBSCRIBE' : 'SUBSCRIBE';
  }

  /** Collects channels into lists for one command each, of at most this length. */
  batches(most: number): ChannelBatches {
    return new ChannelBatches(most, this.cluster ? calculateSlot : () => 0);
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await (this.cluster ? this.client.ssubscribe(...channels) : this.client.subscribe(...channels));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await (this.cluster
      ? this.client.sunsubscribe(...channels)
      : this.client.unsubscribe(...channels));
  }
}

/** @internal */
export class ChannelBatches {
  private readonly bySlot = new Map<number, string[]>();

  constructor(
    private readonly most: number,
    private readonly slotOf: (channel: string) => number,
  ) {}

  /** Returns the batch of the channel once it is full. */
  add(channel: string): readonly string[] | undefined {
    const slot = this.slotOf(channel);
    const batch = this.bySlot.get(slot) ?? [];
    batch.push(channel);
    if (batch.length >= this.most) {
      this.bySlot.delete(slot);
      return batch;
    }
    if (batch.length === 1) this.bySlot.set(slot, batch);
    return undefined;
  }

  /** The remaining batches. */
  rest(): Iterable<readonly string[]> {
    return this.bySlot.values();
  }
}
