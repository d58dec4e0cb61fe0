/**
 * A schema of a library that implements Standard Schema 1 (https://standardschema.dev): zod, Valibot, ArkType and others.
 * The types are written here, so that the package needs no dependency for them.
 */
export interface EventSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Standard JSON Schema, which newer versions of the libraries have. */
    readonly jsonSchema?:
      | { readonly input: (options: { readonly target: string }) => Record<string, unknown> }
      | undefined;
  };
}

/** The result of a check: the output of the schema, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What is wrong with the data, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The data that a schema accepts: what is sent. */
export type SchemaInput<S> = S extends EventSchema
  ? NonNullable<S['~standard']['types']>['input']
  : never;

/** The data that a schema makes of it: what a handler gets. */
export type SchemaOutput<S> = S extends EventSchema
  ? NonNullable<S['~standard']['types']>['output']
  : never;

/** Whether a value is a schema. ArkType's are functions. Never throws. @internal */
export function isSchema(given: unknown): given is EventSchema {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) return false;
  try {
    const standard = (given as Partial<EventSchema>)['~standard'];
    return standard?.version === 1 && typeof standard.validate === 'function';
  } catch {
    return false;
  }
}

const VENDOR = 'nestjs-redis-propagator';

/**
 * A type without a schema, for an event that is not validated: `typing: { data: typed<Typing>() }`. The start of the app
 * names such events in one line if the option `validate` covers them.
 */
export function typed<T>(): EventSchema<T> {
  return {
    '~standard': { version: 1, vendor: VENDOR, validate: (value) => ({ value: value as T }) },
  };
}

/** Whether a schema accepts everything, see {@link typed}. @internal */
export function isUnchecked(schema: EventSchema): boolean {
  return schema['~standard'].vendor === VENDOR;
}
