import type { DefaultEventsMap } from 'socket.io';
import type { EventContract } from './define-events.js';
import type { EventSchema, SchemaInput, SchemaOutput } from './schema.js';

/**
 * From a contract to types. A contract is what {@link defineEvents} returns, or a map of Socket.IO alone
 * (`ServerToClientEvents`), for all namespaces or by namespace. `unknown` is no contract: any event with any data.
 */

// The parameters of a listener are compared with those of any function.
// oxlint-disable-next-line typescript/no-explicit-any
type Listener = (...args: any[]) => unknown;

type IsAny<T> = 0 extends 1 & T ? true : false;
type Shown<T> = T extends unknown ? { [K in keyof T]: T[K] } : never;
type Name<Events> = keyof Events & string;

type ServerPart<Contract> = Contract extends EventContract<infer Server> ? Server : Contract;
// A map of Socket.IO alone has the events of the server only.
type ClientPart<Contract> =
  Contract extends EventContract<unknown, infer Client> ? Client : unknown;

/** Whether the keys are namespaces. */
type IsByNamespace<Events> = [Name<Events>] extends [never]
  ? false
  : [Name<Events>] extends [`/${string}`]
    ? true
    : false;

/** The events of a namespace, or of all of them. */
type Within<Events, Namespace extends string> =
  IsByNamespace<Events> extends true
    ? Namespace extends Name<Events>
      ? Events[Namespace]
      : object
    : Events;

/** The wire arguments of a definition, without the acknowledgement. */
type Sent<Definition> = Definition extends {
  readonly args: infer Args extends readonly EventSchema[];
}
  ? { -readonly [I in keyof Args]: SchemaInput<Args[I]> }
  : Definition extends { readonly data: infer Data extends EventSchema }
    ? undefined extends SchemaInput<Data>
      ? [data?: SchemaInput<Data>]
      : [data: SchemaInput<Data>]
    : [];

type Acknowledged<Definition> = Definition extends {
  readonly ack: infer Answer extends EventSchema;
}
  ? [ack: (answer: SchemaInput<Answer>) => void]
  : [];

/** A definition in the form of Socket.IO: its listener. */
type ListenerOf<Definition> = Definition extends Listener
  ? Definition
  : (...args: [...Sent<Definition>, ...Acknowledged<Definition>]) => void;

type Listeners<Events> = { [N in Name<Events>]: ListenerOf<Events[N]> };

/**
 * The events that the server emits in a namespace, as a map of Socket.IO: for `Server`, for `AuthenticatedSocket`, and for
 * the `Socket` of the client.
 */
export type ServerToClient<Contract, Namespace extends string = '/'> = Listeners<
  Within<ServerPart<Contract>, Namespace>
>;

/** The events that clients emit in a namespace, as a map of Socket.IO. */
export type ClientToServer<Contract, Namespace extends string = '/'> = Listeners<
  Within<ClientPart<Contract>, Namespace>
>;

/** The events that the server emits, in all namespaces together; any without a contract. */
export type EveryServerToClient<Contract> = unknown extends Contract
  ? DefaultEventsMap
  : Merged<EachOf<ServerPart<Contract>>>;

/** The events that clients emit, in all namespaces together; any without a contract. */
export type EveryClientToServer<Contract> = unknown extends Contract
  ? DefaultEventsMap
  : Merged<EachOf<ClientPart<Contract>>>;

/** One map of several. An event that has several forms may have each of them. */
type Merged<Maps> = {
  [N in Maps extends unknown ? Name<Maps> : never]: Maps extends { readonly [K in N]: infer D }
    ? ListenerOf<D>
    : never;
};

/** The namespaces of a contract; any text if its events are in all of them. */
export type NamespaceOf<Contract> =
  IsByNamespace<ServerPart<Contract>> extends true
    ? Extract<keyof ServerPart<Contract>, string>
    : string;

type Last<Args extends readonly unknown[]> =
  Required<Args> extends [...unknown[], infer L] ? L : undefined;

/** Whether the last argument is an acknowledgement. */
type HasAck<L extends Listener> =
  IsAny<Last<Parameters<L>>> extends true
    ? false
    : Last<Parameters<L>> extends (...args: never[]) => unknown
      ? true
      : false;

/** The arguments without the acknowledgement. */
type DataOf<L extends Listener> =
  HasAck<L> extends true
    ? Required<Parameters<L>> extends [...infer Data, unknown]
      ? Data
      : []
    : Parameters<L>;

type AnswerOf<L extends Listener> =
  HasAck<L> extends true
    ? Last<Parameters<L>> extends (...args: infer Answer) => unknown
      ? Answer[0]
      : unknown
    : never;

/** The arguments of an event, in a call of a verb. */
type Payload<Args extends readonly unknown[]> = Args extends readonly []
  ? { data?: undefined; args?: undefined }
  : Args extends readonly [unknown]
    ? { data: Args[0]; args?: undefined }
    : Args extends readonly [unknown?]
      ? { data?: Args[0]; args?: undefined }
      : number extends Args['length']
        ? { data?: Args[0] | undefined; args?: Args | undefined }
        : { args: Args; data?: undefined };

/** An event that needs no acknowledgement, or one that is a request. */
export type CallKind = 'event' | 'request';

/** The events of one map, each as the arguments of a verb. */
type CallsIn<Events, Kind extends CallKind, Namespace> = {
  [N in Name<Events>]: ListenerOf<Events[N]> extends infer L extends Listener
    ? HasAck<L> extends (Kind extends 'request' ? true : false)
      ? Shown<{ event: N } & Payload<DataOf<L>> & Namespace>
      : never
    : never;
}[Name<Events>];

/** The namespace in a call: it may be left out for `/`. */
type InNamespaceOf<Namespace extends string> = Namespace extends '/'
  ? { namespace?: '/' | undefined }
  : { namespace: Namespace };

/** The calls of a verb that the contract allows. Those of a bound propagator, whose contract is one map, name no namespace. */
export type CallsOf<Contract, Kind extends CallKind, Bound extends boolean> =
  IsByNamespace<ServerPart<Contract>> extends true
    ? {
        [NS in Name<ServerPart<Contract>>]: CallsIn<
          ServerPart<Contract>[NS],
          Kind,
          InNamespaceOf<NS>
        >;
      }[Name<ServerPart<Contract>>]
    : CallsIn<
        ServerPart<Contract>,
        Kind,
        Bound extends true ? unknown : { namespace?: string | undefined }
      >;

/** The contract of a propagator that is bound to a namespace. */
export type BoundContract<Contract, Namespace extends string> = unknown extends Contract
  ? unknown
  : Within<ServerPart<Contract>, Namespace>;

/** The answer of a device to a request. */
export type AnswerTo<Contract, N extends string> = ParsedAnswers<EachOf<ServerPart<Contract>>, N>;

type ParsedAnswers<Events, N extends string> = Events extends unknown
  ? N extends Name<Events>
    ? Events[N] extends { readonly ack: infer Answer extends EventSchema }
      ? SchemaOutput<Answer>
      : AnswerIn<Events, N>
    : never
  : never;

type AnswerIn<Events, N extends string> =
  N extends Name<Events>
    ? ListenerOf<Events[N]> extends infer L extends Listener
      ? AnswerOf<L>
      : never
    : never;

/** The names of the events that clients emit, in any namespace; any text without a contract. */
export type ClientEventName<Contract> =
  unknown extends ClientPart<Contract>
    ? string
    : EachOf<ClientPart<Contract>> extends infer Events
      ? Events extends unknown
        ? Name<Events>
        : never
      : never;

/** The events by name, of each namespace. */
type EachOf<Events> = IsByNamespace<Events> extends true ? Events[keyof Events] : Events;

/** The data of a client's event, as a handler with `@On` gets it: the output of its schema. */
export type ClientEventData<Contract, N extends string> =
  unknown extends ClientPart<Contract> ? unknown : DataIn<EachOf<ClientPart<Contract>>, N>;

type DataIn<Events, N extends string> = Events extends unknown
  ? N extends Name<Events>
    ? Handled<Events[N]>
    : never
  : never;

type Handled<Definition> = Definition extends Listener
  ? Single<DataOf<Definition>>
  : Definition extends { readonly args: infer Args extends readonly EventSchema[] }
    ? Single<{ -readonly [I in keyof Args]: SchemaOutput<Args[I]> }>
    : Definition extends { readonly data: infer Data extends EventSchema }
      ? SchemaOutput<Data>
      : undefined;

type Single<Args extends readonly unknown[]> = Args extends readonly []
  ? undefined
  : Args extends readonly [unknown?]
    ? Args[0]
    : Args;

/** The acknowledgement of a client's event; `never` if it has none. */
export type ClientEventAnswer<Contract, N extends string> =
  unknown extends ClientPart<Contract> ? unknown : AnswersIn<EachOf<ClientPart<Contract>>, N>;

type AnswersIn<Events, N extends string> = Events extends unknown ? AnswerIn<Events, N> : never;

/** The events of the server in any namespace, as responses of a handler. */
export type ServerResponse<Contract> =
  unknown extends ServerPart<Contract>
    ? { event: string; data: unknown }
    : ResponsesIn<EachOf<ServerPart<Contract>>>;

type ResponsesIn<Events> = Events extends unknown
  ? {
      [N in Name<Events>]: ListenerOf<Events[N]> extends infer L extends Listener
        ? { event: N; data: Single<DataOf<L>> }
        : never;
    }[Name<Events>]
  : never;
