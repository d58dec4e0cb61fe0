import type { EventChecks } from '../contract/event-checks.js';
import { PropagatorError } from '../errors.js';
import { likeliest, shown } from '../options/checks.js';
import { normalisedNamespace } from '../wire/channel-names.js';
import type { NestParts } from './gateway-check.js';
import { handlersIn, messageOf, type Handler } from './interceptor-check.js';
import { GATEWAY_OPTIONS_METADATA } from './nest-internals.js';
import { ON_METADATA } from './on.decorator.js';

/** How many events a line names. */
const MAX_NAMES = 10;

/** Returns an error if the contract has no effect on a handler that it should have one on. @internal */
export function contractFault(
  nest: Pick<NestParts, 'modules'>,
  checks: EventChecks | undefined,
): PropagatorError | undefined {
  for (const handler of handlersIn(nest)) {
    const on: unknown = Reflect.getMetadata(ON_METADATA, handler.method);
    const [problem, remedy] =
      typeof on === 'string' ? faultOfOn(handler, on, checks) : faultOfOther(handler, checks);
    if (problem !== undefined) {
      return PropagatorError.of('contract.not-applied', [handler.name, problem, remedy]);
    }
  }
  return undefined;
}

type Fault = readonly [problem: string, remedy: string] | readonly [undefined, ''];
const NONE: Fault = [undefined, ''];

function faultOfOn({ gateway }: Handler, on: string, checks: EventChecks | undefined): Fault {
  if (checks === undefined) {
    const remedy =
      'Pass the contract to RedisPropagatorModule.forRoot(), or write @SubscribeMessage.';
    return [`@On(${shown(on)}) validates nothing without the option "contract"`, remedy];
  }
  const namespace = namespaceOfGateway(gateway);
  const known = checks.incomingNames(namespace);
  if (!checks.hasTables || known.includes(on)) return NONE;
  const meant = likeliest(on, known);
  const where = namespace === undefined ? '' : ` in namespace ${shown(namespace)}`;
  return [
    `the contract has no event ${shown(on)} of clients${where}`,
    meant === undefined ? 'Add it to defineEvents().' : `Did you mean ${shown(meant)}?`,
  ];
}

function faultOfOther(handler: Handler, checks: EventChecks | undefined): Fault {
  if (checks === undefined || !checks.validated.receive) return NONE;
  const message = messageOf(handler);
  const known = checks.incomingNames(namespaceOfGateway(handler.gateway));
  if (typeof message !== 'string' || !known.includes(message)) return NONE;
  return [
    `@SubscribeMessage(${shown(message)}) does not validate, and the contract has that event`,
    `Write @On(${shown(message)}), or validate: 'emit' or 'off'.`,
  ];
}

/** The namespace of a gateway; undefined for a pattern of namespaces. @internal */
export function namespaceOfGateway(gateway: object): string | undefined {
  const options = Reflect.getMetadata(GATEWAY_OPTIONS_METADATA, gateway) as
    { readonly namespace?: unknown } | undefined;
  const namespace = options?.namespace;
  if (namespace === undefined || namespace === '') return '/';
  return typeof namespace === 'string' ? normalisedNamespace(namespace) : undefined;
}

/** Names the events that `validate` covers and that have no schema. @internal */
export function uncheckedEvents(checks: EventChecks | undefined): string | undefined {
  const names = checks?.unchecked ?? [];
  if (names.length === 0) return undefined;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `The contract has events without a schema, which are not validated: ${names.slice(0, MAX_NAMES).join(', ')}${more}.`;
}
