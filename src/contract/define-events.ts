import { PropagatorError } from '../errors.js';
import { literalOf } from '../text.js';
import { isSchema, type EventSchema } from './schema.js';

/** An event of a contract. Without `data` and `args` it has no data. */
export interface EventDefinition {
  /** The schema of its data; {@link typed} for a type without a schema. */
  readonly data?: EventSchema | undefined;
  /** The schemas of several arguments, in place of `data`. */
  readonly args?: readonly EventSchema[] | undefined;
  /** The schema of the acknowledgement. */
  readonly ack?: EventSchema | undefined;
  /**
   * Whether an event of the server is volatile, unless the call says otherwise.
   * @default false
   */
  readonly volatile?: boolean | undefined;
  /** For the AsyncAPI document. */
  readonly description?: string | undefined;
}

/** Events by name. */
export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/**
 * Events by name, in all namespaces; or by namespace, if all keys begin with `/`, and then by name.
 *
 * @typeParam Events the keys of the given events
 */
export type DefinedEvents<Events> = {
  readonly [K in keyof Events]: K extends `/${string}`
    ? { readonly [N in keyof Events[K]]: EventDefinition }
    : EventDefinition;
};

/** The events of the clients, next to those of the server. */
export interface ClientEvents<Client> {
  readonly client?: (Client & DefinedEvents<Client>) | undefined;
}

/**
 * The events between server and clients, made by {@link defineEvents}.
 *
 * @typeParam Server the events that the server emits
 * @typeParam Client the events that the clients emit
 */
export interface EventContract<out Server = unknown, out Client = unknown> {
  /** Never there: it carries the types. */
  readonly '~types'?: { readonly server: Server; readonly client: Client };
  /** @internal */
  readonly events: EventTable;
}

/** The events of both directions: undefined for types without schemas. @internal */
export interface EventTable {
  readonly server: DirectionTable | undefined;
  readonly client: DirectionTable | undefined;
}

/** The events by namespace; those of the key `*` are in all of them. @internal */
export type DirectionTable = ReadonlyMap<string, ReadonlyMap<string, EventDefinition>>;

/** The key of events in all namespaces. No namespace has this name. @internal */
export const EVERY_NAMESPACE = '*';

/**
 * Defines the events between server and clients, once, for the types and the validation on both sides.
 *
 * ```ts
 * export const contract = defineEvents(
 *   {
 *     '/': { 'order-update': { data: Order }, typing: { data: Typing, volatile: true } },
 *     '/chat': { said: { data: Said } },
 *   },
 *   { client: { say: { data: Say, ack: Said } } },
 * );
 * ```
 *
 * The schemas are those of any library with Standard Schema. They describe the data on the wire.
 *
 * @throws PropagatorError `option.invalid`
 */
export function defineEvents<
  const Server extends object,
  // No client events: any name would be an error.
  // oxlint-disable-next-line typescript/no-empty-object-type
  const Client extends object = {},
>(
  server: Server & DefinedEvents<Server>,
  others?: ClientEvents<Client>,
): EventContract<Server, Client>;
/**
 * A contract of types alone, such as Socket.IO's maps, by namespace or for all namespaces:
 * `defineEvents<ServerToClientEvents, ClientToServerEvents>()`. Nothing is validated.
 */
// oxlint-disable-next-line typescript/no-empty-object-type
export function defineEvents<Server extends object, Client extends object = {}>(): EventContract<
  Server,
  Client
>;
export function defineEvents(
  server?: object,
  others: { readonly client?: object | undefined } = {},
): EventContract {
  const events: EventTable = {
    server: server === undefined ? undefined : tableOf('server', server),
    client: server === undefined ? undefined : tableOf('client', others.client ?? {}),
  };
  return Object.freeze({ events });
}

/** Whether a value is a contract, of any copy of this package. @internal */
export function isContract(given: unknown): given is EventContract {
  const table = (given as Partial<EventContract> | null | undefined)?.events;
  return typeof table === 'object' && table !== null && 'server' in table && 'client' in table;
}

function tableOf(direction: string, given: unknown): DirectionTable {
  const entries = entriesOf(direction, given);
  const byNamespace = entries.filter(([name]) => name.startsWith('/')).length;
  if (byNamespace === 0) {
    return new Map([[EVERY_NAMESPACE, eventsOf(direction, entries)]]);
  }
  if (byNamespace < entries.length) {
    const stray = entries.find(([name]) => !name.startsWith('/'))?.[0];
    throw wrong(
      `${direction}.${stray}`,
      stray,
      'Write events by name, or all of them by namespace.',
    );
  }
  return new Map(
    entries.map(([namespace, events]) => {
      const where = `${direction}["${namespace}"]`;
      return [namespace, eventsOf(where, entriesOf(where, events))];
    }),
  );
}

function eventsOf(
  where: string,
  entries: [name: string, given: unknown][],
): ReadonlyMap<string, EventDefinition> {
  return new Map(entries.map(([name, given]) => [name, eventOf(`${where}.${name}`, name, given)]));
}

const PARTS: readonly string[] = ['data', 'args', 'ack', 'volatile', 'description'];

/** Copies the definition, so that nothing changes it while the app runs. */
function eventOf(where: string, name: string, given: unknown): EventDefinition {
  const parts = entriesOf(where, given).filter(([, value]) => value !== undefined);
  const unknown = parts.find(([part]) => !PARTS.includes(part))?.[0];
  if (unknown !== undefined) throw wrong(where, unknown, `Write { ${PARTS.join(', ')} }.`);
  if (name === '') throw wrong(where, name, 'Name the event.');
  if (name.startsWith('/')) throw wrong(where, name, 'An event cannot be named like a namespace.');
  const { data, args, ack, volatile, description } = Object.fromEntries(parts);
  for (const [part, schema] of Object.entries({ data, ack })) {
    if (schema !== undefined && !isSchema(schema)) throw noSchema(`${where}.${part}`, schema);
  }
  if (args !== undefined) {
    if (data !== undefined) throw misused(where, 'both "data" and "args"', 'Write one of them.');
    if (!Array.isArray(args)) throw wrong(`${where}.args`, args, 'Write a list of schemas.');
    const stray = args.findIndex((schema) => !isSchema(schema));
    if (stray >= 0) throw noSchema(`${where}.args[${stray}]`, args[stray]);
  }
  if (volatile !== undefined && typeof volatile !== 'boolean') {
    throw wrong(`${where}.volatile`, volatile, 'Write true or false.');
  }
  if (volatile === true && ack !== undefined) {
    throw misused(
      where,
      '"volatile" with "ack"',
      'An event that may be skipped has no acknowledgement.',
    );
  }
  if (description !== undefined && typeof description !== 'string') {
    throw wrong(`${where}.description`, description, 'Write a text.');
  }
  return Object.freeze({
    data: data as EventSchema | undefined,
    args: args === undefined ? undefined : Object.freeze([...(args as EventSchema[])]),
    ack: ack as EventSchema | undefined,
    volatile: volatile ?? false,
    description,
  });
}

function entriesOf(where: string, given: unknown): [string, unknown][] {
  if (Object.prototype.toString.call(given) === '[object Object]' && !isSchema(given)) {
    return Object.entries(given as object);
  }
  throw wrong(where, given, 'Write an object, such as { said: { data: Said } }.');
}

function noSchema(where: string, given: unknown): PropagatorError {
  return wrong(
    where,
    given,
    'Pass a schema of a library with Standard Schema, such as zod or Valibot, or typed<T>() for a type without one.',
  );
}

function wrong(where: string, given: unknown, remedy: string): PropagatorError {
  return misused(where, literalOf(given, 120), remedy);
}

function misused(where: string, words: string, remedy: string): PropagatorError {
  return PropagatorError.of('option.invalid', [`defineEvents: ${where}`, words, remedy]);
}
