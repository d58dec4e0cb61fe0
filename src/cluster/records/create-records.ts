import type { RedisClients } from '../../redis/client-factory.js';
import { sharedState } from '../../redis/in-memory-pub-sub.js';
import { RedisScripts } from '../../redis/redis-scripts.js';
import type { PubSub } from '../../ports/pub-sub.js';
import type { InstanceId } from '../../wire/envelope.js';
import { InMemoryRecords, RecordTable } from './in-memory-records.js';
import type { InstanceRecords, RecordLimits } from './instance-records.js';
import { RedisLeftHistories, type LeftHistories } from './left-histories.js';
import { RedisRecords } from './redis-records.js';

interface ScriptOptions {
  readonly prefix: string;
  readonly publishTimeoutMs: number;
}

interface RecordsOptions extends RecordLimits, ScriptOptions {}

/**
 * Creates the store in which instances that end leave their histories. Undefined with another transport than Redis: in one
 * process nothing is missed, and a transport of the app has no store.
 *
 * @internal
 */
export function createLeftHistories(
  instanceId: InstanceId,
  options: ScriptOptions,
  clients: RedisClients | undefined,
): LeftHistories | undefined {
  if (clients === undefined) return undefined;
  const consequence = 'instances may miss the last events of one that has ended';
  return new RedisLeftHistories(
    scriptsOf(clients, options, consequence),
    options.prefix,
    instanceId,
  );
}

function scriptsOf(
  { publisher }: RedisClients,
  { prefix, publishTimeoutMs }: ScriptOptions,
  consequence: string,
): RedisScripts {
  const pattern = `${prefix}:members:*`;
  return new RedisScripts(publisher, publishTimeoutMs, pattern, { consequence, publish: false });
}

/** The records for the transport. Undefined with a transport of the app. @internal */
export function createRecords(
  instanceId: InstanceId,
  options: RecordsOptions,
  { pubSub, clients }: { readonly pubSub: PubSub; readonly clients: RedisClients | undefined },
): InstanceRecords | undefined {
  const { prefix } = options;
  if (clients !== undefined) {
    const consequence = 'the other instances learn nothing new of this one';
    return new RedisRecords(scriptsOf(clients, options, consequence), prefix, instanceId, options);
  }
  const table = sharedState(pubSub, `records:${prefix}`, () => new RecordTable());
  if (table === undefined) return undefined;
  return new InMemoryRecords(table, instanceId, options, () => pubSub.isOpen?.() ?? true);
}
