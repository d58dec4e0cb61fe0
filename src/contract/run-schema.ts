import { isError } from '../kinds.js';
import { fit, reasonOf } from '../text.js';
import type { EventDefinition } from './define-events.js';
import type { EventSchema, SchemaIssue, SchemaResult } from './schema.js';

/** How many issues an error or a client gets. A long list of wrong items has one for each of them. */
const MAX_ISSUES = 8;
const MAX_STEPS = 16;
const MAX_MESSAGE_CHARACTERS = 200;

/** What is wrong, where: short, and fit for JSON. */
export interface ShownIssue {
  /** Such as `data.items[0].price`. */
  readonly path: string;
  readonly message: string;
}

/** The data does not fit. @internal */
export class InvalidData {
  constructor(readonly issues: readonly ShownIssue[]) {}

  toString(): string {
    return this.issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  }
}

/** Not by class, which would be another one in a second copy of this package. @internal */
export function isInvalid(checked: Checked): checked is InvalidData {
  return !Array.isArray(checked);
}

/** The outputs of the schemas, one for each argument, or what is wrong. @internal */
export type Checked = readonly unknown[] | InvalidData;

/**
 * Checks the arguments of an event at once.
 *
 * @param what the name of the only argument in a path
 * @returns also {@link InvalidData} if a schema throws, or is asynchronous: the event would overtake others
 * @internal
 */
export function checkNow(
  schemas: readonly EventSchema[],
  args: readonly unknown[],
  what: string,
): Checked {
  const surplus = surplusOf(schemas, args, what);
  if (surplus !== undefined) return surplus;
  const outputs: unknown[] = [];
  for (const [index, schema] of schemas.entries()) {
    const path = schemas.length === 1 ? what : `args[${index}]`;
    let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
    try {
      result = schema['~standard'].validate(args[index]);
    } catch (error) {
      return invalid(path, `the schema threw: ${reasonOf(error)}`);
    }
    if (isPromise(result)) {
      // zod also returns a Promise, which rejects, if a check throws.
      result.then(undefined, () => undefined);
      return invalid(
        path,
        'the schema returned a Promise. It is asynchronous, or one of its checks threw',
      );
    }
    const output = outputOf(result, path);
    if (output instanceof InvalidData) return output;
    outputs.push(output);
  }
  return outputs;
}

/**
 * Checks the arguments of a message. Resolves if a schema is asynchronous.
 *
 * @throws the error of a schema
 * @internal
 */
export function checkLater(
  schemas: readonly EventSchema[],
  args: readonly unknown[],
  what: string,
): Checked | Promise<Checked> {
  const surplus = surplusOf(schemas, args, what);
  if (surplus !== undefined) return surplus;
  const results = schemas.map((schema, index) => schema['~standard'].validate(args[index]));
  return results.some(isPromise)
    ? Promise.all(results.map(async (result) => result)).then((all) => outputsOf(all, what))
    : outputsOf(results as SchemaResult<unknown>[], what);
}

/** The schemas of an event's arguments. @internal */
export function schemasOf({ data, args }: EventDefinition): readonly EventSchema[] {
  return args ?? (data === undefined ? [] : [data]);
}

function outputsOf(results: readonly SchemaResult<unknown>[], what: string): Checked {
  const outputs: unknown[] = [];
  for (const [index, result] of results.entries()) {
    const output = outputOf(result, results.length === 1 ? what : `args[${index}]`);
    if (output instanceof InvalidData) return output;
    outputs.push(output);
  }
  return outputs;
}

function surplusOf(
  { length }: readonly EventSchema[],
  args: readonly unknown[],
  what: string,
): InvalidData | undefined {
  if (args.length <= length) return undefined;
  return invalid(
    what,
    `got ${args.length} arguments, and the event has ${length === 0 ? 'none' : length}`,
  );
}

function outputOf(result: SchemaResult<unknown>, path: string): unknown {
  const given = result as Partial<{ issues: unknown; value: unknown }> | null | undefined;
  if (typeof given !== 'object' || given === null)
    return invalid(path, 'the schema returned no result');
  const { issues } = given;
  if (issues === undefined || issues === null) return given.value;
  const list = Array.isArray(issues) ? (issues as SchemaIssue[]) : [];
  if (list.length === 0) return invalid(path, 'invalid');
  return new InvalidData(list.slice(0, MAX_ISSUES).map((issue) => shownIssue(issue, path)));
}

function invalid(path: string, message: string): InvalidData {
  return new InvalidData([{ path, message }]);
}

function shownIssue(issue: SchemaIssue, start: string): ShownIssue {
  try {
    const steps = (issue.path ?? []).slice(0, MAX_STEPS).map(stepOf);
    return {
      path: fit(start + steps.join(''), MAX_MESSAGE_CHARACTERS),
      message: fit(issue.message, MAX_MESSAGE_CHARACTERS),
    };
  } catch (error) {
    return { path: start, message: isError(error) ? reasonOf(error) : 'invalid' };
  }
}

function stepOf(step: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof step === 'object' ? step.key : step;
  return typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
}

function isPromise<T>(given: T | Promise<T>): given is Promise<T> {
  return typeof (given as Partial<Promise<T>> | null | undefined)?.then === 'function';
}
