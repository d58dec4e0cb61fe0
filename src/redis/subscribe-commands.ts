import calculateSlot from 'cluster-key-slot';
import type { RedisClient } from '../options/redis-options.js';

/**
 * SUBSCRIBE on a single Redis or Sentinel; SSUBSCRIBE, one command per hash slot, on a Cluster, which answers
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

  /** The lists of channels that can go in one command each. */
  *group(channels: readonly string[], most: number): Generator<readonly string[]> {
    for (const list of this.cluster ? bySlot(channels) : [channels]) {
      for (let from = 0; from < list.length; from += most) yield list.slice(from, from + most);
    }
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

function bySlot(channels: readonly string[]): Iterable<string[]> {
  const slots = new Map<number, string[]>();
  for (const channel of channels) {
    const slot = calculateSlot(channel);
    const list = slots.get(slot);
    if (list === undefined) slots.set(slot, [channel]);
    else list.push(channel);
  }
  return slots.values();
}
