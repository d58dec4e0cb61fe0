import { PropagatorError } from '../errors.js';
import {
  EVERY_NAMESPACE,
  type DirectionTable,
  type EventContract,
  type EventDefinition,
  type EventTable,
} from './define-events.js';
import {
  checkLater,
  checkNow,
  isInvalid,
  schemasOf,
  type Checked,
  type InvalidData,
} from './run-schema.js';
import { contractHash } from './contract-hash.js';
import { isUnchecked } from './schema.js';

/** The directions that are validated. */
export interface Validated {
  /** Events of the server, and the answers of handlers. */
  readonly emit: boolean;
  /** Messages of clients, and their acknowledgements. */
  readonly receive: boolean;
}

/** Looks events up in the contract of an app, and checks their data. @internal */
export class EventChecks {
  /** Undefined for types alone. */
  readonly hash: string | undefined;

  constructor(
    readonly contract: EventContract,
    readonly validated: Validated,
    /** Checks the data of one in so many of the server's events and answers, chosen at random. */
    readonly oneIn = 1,
  ) {
    this.hash = contractHash(contract);
  }

  private get events(): EventTable {
    return this.contract.events;
  }

  /** Whether the contract has schemas, and not only types. */
  get hasTables(): boolean {
    return this.events.server !== undefined;
  }

  /** An event of the server; undefined if the contract does not have it. */
  outgoing(namespace: string, name: string): EventDefinition | undefined {
    return found(this.events.server, namespace, name);
  }

  /** An event of clients; undefined if the contract does not have it. */
  incoming(namespace: string, name: string): EventDefinition | undefined {
    return found(this.events.client, namespace, name);
  }

  /** The names of the server's events in a namespace. */
  outgoingNames(namespace: string): string[] {
    return namesIn(this.events.server, namespace);
  }

  /** The names of the clients' events in a namespace; in all of them for undefined. */
  incomingNames(namespace: string | undefined): string[] {
    if (namespace !== undefined) return namesIn(this.events.client, namespace);
    return [...(this.events.client?.values() ?? [])].flatMap((events) => Array.from(events.keys()));
  }

  /**
   * Checks an event of the server, and returns its definition, if there is one. What is sent stays as it is.
   *
   * @throws PropagatorError `event.not-in-contract`, `event.invalid-data`
   */
  checkOutgoing(
    namespace: string,
    name: string,
    args: readonly unknown[],
  ): EventDefinition | undefined {
    const event = this.outgoing(namespace, name);
    if (!this.validated.emit) return event;
    if (event === undefined) throw PropagatorError.of('event.not-in-contract', [name, namespace]);
    if (!this.isChosen()) return event;
    const checked = checkNow(schemasOf(event), args, 'data');
    if (isInvalid(checked)) throw invalidData(name, checked);
    return event;
  }

  /** Checks the answer of a handler. @throws PropagatorError `event.invalid-data` */
  checkAnswer(name: string, { ack }: EventDefinition, answer: unknown): void {
    if (!this.isChosen()) return;
    const checked = checkNow(ack === undefined ? [] : [ack], [answer], 'ack');
    if (isInvalid(checked)) throw invalidData(name, checked);
  }

  /** Checks the message of a client, in Nest's form: several arguments are a list. */
  checkIncoming(event: EventDefinition, data: unknown): Checked | Promise<Checked> {
    const schemas = schemasOf(event);
    // Socket.IO turns undefined into null.
    if (schemas.length === 0)
      return checkLater([], data === undefined || data === null ? [] : [data], 'data');
    const args = schemas.length > 1 && Array.isArray(data) ? (data as unknown[]) : [data];
    return checkLater(schemas, args, 'data');
  }

  /** Checks the acknowledgement of a client. */
  checkAcknowledgement({ ack }: EventDefinition, answer: unknown): Checked | Promise<Checked> {
    return checkLater(ack === undefined ? [] : [ack], [answer], 'ack');
  }

  private isChosen(): boolean {
    return this.oneIn === 1 || Math.random() * this.oneIn < 1;
  }

  /** The events without a schema in the validated directions, such as `typing of /chat`. */
  get unchecked(): string[] {
    const { server, client } = this.events;
    return [
      ...(this.validated.emit ? uncheckedIn(server) : []),
      ...(this.validated.receive ? uncheckedIn(client) : []),
    ];
  }
}

function invalidData(name: string, invalid: InvalidData): PropagatorError {
  return PropagatorError.of('event.invalid-data', [name, invalid.toString()], invalid.issues);
}

/** Whether the contract has a schema that a direction would check. @internal */
export function checkable({ events: { server, client } }: EventContract): Validated {
  const outgoing = definitionsIn(server);
  const incoming = definitionsIn(client);
  return {
    emit: outgoing.some(hasCheckedData) || incoming.some(hasCheckedAck),
    receive: incoming.some(hasCheckedData) || outgoing.some(hasCheckedAck),
  };
}

function found(
  table: DirectionTable | undefined,
  namespace: string,
  name: string,
): EventDefinition | undefined {
  return (table?.get(EVERY_NAMESPACE) ?? table?.get(namespace))?.get(name);
}

function namesIn(table: DirectionTable | undefined, namespace: string): string[] {
  return [...((table?.get(EVERY_NAMESPACE) ?? table?.get(namespace))?.keys() ?? [])];
}

function definitionsIn(table: DirectionTable | undefined): EventDefinition[] {
  return [...(table?.values() ?? [])].flatMap((events) => Array.from(events.values()));
}

/** Also without data, which is checked, too. */
function hasCheckedData(event: EventDefinition): boolean {
  const schemas = schemasOf(event);
  return schemas.length === 0 || !schemas.every(isUnchecked);
}

function hasCheckedAck({ ack }: EventDefinition): boolean {
  return ack !== undefined && !isUnchecked(ack);
}

function uncheckedIn(table: DirectionTable | undefined): string[] {
  return [...(table ?? [])].flatMap(([namespace, events]) =>
    [...events]
      .filter(([, event]) =>
        [...schemasOf(event), ...(event.ack ? [event.ack] : [])].some(isUnchecked),
      )
      .map(([name]) => (namespace === EVERY_NAMESPACE ? name : `${name} of ${namespace}`)),
  );
}
