import type { RedisClients } from '../../redis/client-factory.js';
import type { InMemoryPubSub } from '../../redis/in-memory-pub-sub.js';
import { RedisScripts } from '../../redis/redis-scripts.js';
import type { PubSub } from '../../ports/pub-sub.js';
import type { InstanceId } from '../../wire/envelope.js';
import { InMemoryRecords, RecordTable } from './in-memory-records.js';
import type { InstanceRecords, RecordLimits } from './instance-records.js';
import { RedisRecords } from './redis-records.js';

interface RecordsOptions extends RecordLimits {
  readonly prefix: string;
  readonly publishTimeoutMs: number;
}

/** The records for the transport. Undefined with a transport of the app. @internal */
export function createRecords(
  instanceId: InstanceId,
  options: RecordsOptions,
  { pubSub, clients }: { readonly pubSub: PubSub; readonly clients: RedisClients | undefined },
): InstanceRecords | undefined {
  const { prefix, publishTimeoutMs } = options;
  if (clients !== undefined) {
    const scripts = new RedisScripts(clients.publisher, publishTimeoutMs, `${prefix}:members:*`, {
      consequence: 'the other instances learn nothing new of this one',
      publish: false,
    });
    return new RedisRecords(scripts, prefix, instanceId, options);
  }
  // Not `instanceof`: an app may load this package twice, as ESM and as CommonJS.
  const shared = (pubSub as Partial<InMemoryPubSub>).bus?.shared;
  if (shared === undefined) return undefined;
  const name = `records:${prefix}`;
  const table = (shared.get(name) as RecordTable | undefined) ?? new RecordTable();
  shared.set(name, table);
  return new InMemoryRecords(table, instanceId, options, () => pubSub.isOpen?.() ?? true);
}
