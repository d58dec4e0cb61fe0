import type { EventSchema } from './schema.js';

/** The JSON Schema of the data on the wire: the input of a schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * Converts a schema with the standard converter of its library. A schema without one, or that JSON Schema cannot describe,
 * becomes a schema that allows any value and says so.
 *
 * @internal
 */
export function jsonSchemaOf(schema: EventSchema): JsonSchema {
  const { vendor, jsonSchema } = schema['~standard'];
  try {
    const converted = jsonSchema?.input({ target: 'draft-07' });
    if (typeof converted === 'object' && converted !== null) {
      const { $schema: _, ...rest } = converted;
      return rest;
    }
  } catch {
    // A Date, a transformation: the library cannot convert it.
  }
  return { description: `Not described: ${vendor} has no JSON Schema for it.` };
}
