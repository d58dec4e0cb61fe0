import { createHash } from 'node:crypto';
import type { DirectionTable, EventContract, EventDefinition } from './define-events.js';
import { jsonSchemaOf } from './json-schema.js';

const HASH_CHARACTERS = 12;

/**
 * A short text that differs between contracts: the events, and their schemas as far as they can be converted to JSON
 * Schema. Undefined for types alone, which do not exist while the app runs.
 *
 * @internal
 */
export function contractHash({ events: { server, client } }: EventContract): string | undefined {
  if (server === undefined) return undefined;
  const text = JSON.stringify([directionOf(server), directionOf(client)]);
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
}

function directionOf(table: DirectionTable | undefined): unknown {
  return sorted(
    [...(table ?? [])].map(([namespace, events]) => [
      namespace,
      sorted([...events].map(([name, event]) => [name, definitionOf(event)])),
    ]),
  );
}

function definitionOf({ data, args, ack, volatile }: EventDefinition): unknown {
  const schemas = args ?? (data === undefined ? [] : [data]);
  return [
    schemas.map(jsonSchemaOf),
    ack === undefined ? null : jsonSchemaOf(ack),
    volatile === true,
  ];
}

/** The order of the definitions does not count. */
function sorted(entries: [string, unknown][]): unknown {
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
