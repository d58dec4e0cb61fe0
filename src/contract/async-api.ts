import { PropagatorError } from '../errors.js';
import { literalOf } from '../text.js';
import {
  EVERY_NAMESPACE,
  isContract,
  type DirectionTable,
  type EventContract,
  type EventDefinition,
} from './define-events.js';
import { jsonSchemaOf, type JsonSchema } from './json-schema.js';
import { schemasOf } from './run-schema.js';
import type { EventSchema } from './schema.js';

/** The head of an AsyncAPI document. */
export interface AsyncApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description?: string | undefined;
}

/** An AsyncAPI 3 document, as JSON. */
export type AsyncApiDocument = { readonly asyncapi: '3.0.0' } & Readonly<Record<string, unknown>>;

/** A handler of a gateway. @internal */
export interface HandledMessage {
  /** Undefined for a pattern of namespaces. */
  readonly namespace: string | undefined;
  readonly message: string;
  /** Such as `ChatGateway.say`. */
  readonly handler: string;
}

type Part = Record<string, unknown>;

/**
 * Describes a contract as an AsyncAPI 3 document, from the view of the server: it sends the events of the server and
 * receives those of clients. A namespace is a channel. The payloads are described as far as the library of a schema has
 * Standard JSON Schema; a contract of types alone has none.
 *
 * @throws PropagatorError `option.invalid`
 */
export function asyncApiDocument(contract: EventContract, info: AsyncApiInfo): AsyncApiDocument {
  if (!isContract(contract)) {
    const remedy = 'Pass the contract that defineEvents() returned.';
    throw PropagatorError.of('option.invalid', ['contract', literalOf(contract, 120), remedy]);
  }
  return documentOf(contract, info, []);
}

/** The same with the handlers of gateways: also those of messages that the contract does not have. @internal */
export function documentOf(
  contract: EventContract | undefined,
  { title, version, description }: AsyncApiInfo,
  handled: readonly HandledMessage[],
): AsyncApiDocument {
  const writer = new Writer();
  const { server, client } = contract?.events ?? {};
  for (const [namespace, name, event] of eventsIn(server))
    writer.add('send', namespace, name, event);
  for (const [namespace, name, event] of eventsIn(client))
    writer.add('receive', namespace, name, event);
  for (const { namespace = EVERY_NAMESPACE, message, handler } of handled) {
    const known = [namespace, EVERY_NAMESPACE].some((where) => client?.get(where)?.has(message));
    if (!known)
      writer.add(
        'receive',
        namespace,
        message,
        undefined,
        `Handled by ${handler}. Not in the contract.`,
      );
  }
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...(description !== undefined && { description }) },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(writer.channels),
    operations: Object.fromEntries(writer.operations),
    components: {
      messages: Object.fromEntries(writer.messages),
      schemas: Object.fromEntries(writer.schemas),
    },
  };
}

class Writer {
  readonly channels = new Map<string, Part & { messages: Record<string, Part> }>();
  readonly operations = new Map<string, Part>();
  readonly messages = new Map<string, Part>();
  readonly schemas = new Map<string, JsonSchema>();

  add(
    action: 'send' | 'receive',
    namespace: string,
    name: string,
    event: EventDefinition | undefined,
    description = event?.description,
  ): void {
    const channel = this.channel(namespace);
    const id = `${action}.${channel}.${idOf(name)}`;
    const schemas = event === undefined ? [] : schemasOf(event);
    const message: Part = { name, title: name };
    if (description !== undefined) message['description'] = description;
    if (event?.volatile === true) message['x-volatile'] = true;
    if (schemas.length > 0)
      message['payload'] = this.payload(id, schemas, event?.args !== undefined);
    const operation: Part = {
      action,
      channel: reference('channels', channel),
      messages: [this.message(channel, id, message)],
    };
    if (event?.ack !== undefined) {
      const answer = `${id}.ack`;
      const payload = this.payload(answer, [event.ack], false);
      operation['reply'] = {
        channel: reference('channels', channel),
        messages: [this.message(channel, answer, { name: `${name} (acknowledgement)`, payload })],
      };
    }
    this.operations.set(id, operation);
  }

  /** Returns the key of the channel. */
  private channel(namespace: string): string {
    const key = channelIdOf(namespace);
    if (!this.channels.has(key)) {
      const all = namespace === EVERY_NAMESPACE;
      this.channels.set(key, {
        address: all ? '{namespace}' : namespace,
        ...(all && { parameters: { namespace: { description: 'Any namespace, such as /' } } }),
        messages: {},
      });
    }
    return key;
  }

  /** Returns a reference to the message of the channel. */
  private message(channel: string, id: string, message: Part): Part {
    this.messages.set(id, message);
    const { messages = {} } = this.channels.get(channel) ?? {};
    messages[id] = reference('components/messages', id);
    return reference(`channels/${channel}/messages`, id);
  }

  /** Several arguments are a list. */
  private payload(id: string, schemas: readonly EventSchema[], isList: boolean): Part {
    const references = schemas.map((schema, index) => {
      const key = isList ? `${id}.${index}` : id;
      this.schemas.set(key, relocated(jsonSchemaOf(schema), key));
      return reference('components/schemas', key);
    });
    const { length } = references;
    if (isList) return { type: 'array', items: references, minItems: length, maxItems: length };
    return references[0] ?? {};
  }
}

function* eventsIn(table: DirectionTable | undefined): Iterable<[string, string, EventDefinition]> {
  for (const [namespace, events] of table ?? []) {
    for (const [name, event] of events) yield [namespace, name, event];
  }
}

function reference(path: string, key: string): { $ref: string } {
  return { $ref: `#/${path}/${key}` };
}

function channelIdOf(namespace: string): string {
  if (namespace === EVERY_NAMESPACE) return 'all';
  return namespace === '/' ? 'root' : idOf(namespace);
}

/** A key that AsyncAPI allows, different for each name: other characters as hexadecimal digits. */
function idOf(name: string): string {
  return name.replaceAll(
    /[^A-Za-z0-9-]/g,
    (character) => `_${character.charCodeAt(0).toString(16)}_`,
  );
}

/** References within a schema, such as `#/definitions/Node`, begin at its new place. */
function relocated<T>(value: T, key: string): T {
  if (Array.isArray(value)) return value.map((item: unknown) => relocated(item, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      name,
      name === '$ref' && typeof inner === 'string' && inner.startsWith('#')
        ? `#/components/schemas/${key}${inner.slice(1)}`
        : relocated(inner, key),
    ]),
  ) as T;
}
