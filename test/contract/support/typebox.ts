import type { EventSchema } from '../../../src/index.js';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A type of TypeBox as a Standard Schema. */
export function schemaOf<T extends TSchema>(type: T): EventSchema<Static<T>> {
  const validator = Compile(type);
  return {
    '~standard': {
      version: 1,
      vendor: 'typebox',
      validate: (value) => {
        if (validator.Check(value)) return { value };
        const issues = validator.Errors(value).map(({ message, instancePath }) => ({
          message,
          path: instancePath.split('/').slice(1),
        }));
        return { issues };
      },
      jsonSchema: { input: () => ({ ...(type as object) }) },
    },
  };
}
