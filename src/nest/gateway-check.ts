import type { Type } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { socketIoServerOf } from './handed-gateways.js';
import { GATEWAY_METADATA, nestFaults } from './nest-internals.js';
import { ADAPTER } from './tokens.js';
import { PropagatorError } from '../errors.js';
import { misused } from '../options/checks.js';
import type { Runtime } from './runtime.js';

/** The modules and providers of an app, as Nest stores them. @internal */
export interface NestParts {
  readonly config: ApplicationConfig;
  readonly modules: ModulesContainer;
}

/**
 * Returns an error if the app serves gateways with another adapter than `SocketStateAdapter`. An adapter of the app may
 * hand gateways on to it; with the option `auth` it has to hand on all that are not named as public. Workers serve no
 * gateways, whatever modules they import.
 *
 * @internal
 */
export function missingAdapter(
  { config, modules }: NestParts,
  runtime: Pick<Runtime, 'servers' | 'gateways' | 'publicGateways'>,
): PropagatorError | undefined {
  // Nest's type does not show it: there is no adapter until gateways are served, unless the app sets one.
  const adapter = config.getIoAdapter() as object | null | undefined;
  if (!adapter) return undefined;
  const bound = boundGateways(modules);
  // If Nest marks gateways in another way, it is unknown whether there are any. Then the existence of an adapter
  // shows it.
  const unknown = bound.length === 0 && nestFaults().includes(GATEWAY_METADATA);
  if (bound.length === 0 && !unknown) return undefined;
  const { servers, gateways, publicGateways } = runtime;
  const isOurs = gateways.isAdapter(adapter);
  const ofAnotherApp = ADAPTER in adapter && !isOurs && servers.count === 0;
  const name = ofAnotherApp
    ? 'the adapter of another app'
    : adapter.constructor?.name || 'another adapter';
  if (servers.count === 0) {
    const consequence = publicGateways === undefined ? NOT_PROPAGATED : NOT_AUTHENTICATED;
    const remedy = isOurs ? callSuper(name) : undefined;
    return PropagatorError.of('adapter.missing', [
      namesOf(bound) || 'this app',
      name,
      consequence,
      remedy,
    ]);
  }
  if (publicGateways === undefined || unknown) return undefined;
  const check = { name, bound, servers, gateways, publicGateways };
  return unauthenticated(check, isOurs) ?? notPublic(check);
}

const NOT_PROPAGATED = 'events of other instances do not reach them';
const NOT_AUTHENTICATED = 'the option "auth" would have no effect, and anybody could connect';

/** The remedy for a subclass of `SocketStateAdapter`. */
function callSuper(name: string): string {
  return `${name} extends SocketStateAdapter and overrides its methods: call super.bindClientConnect(server, listener) for each gateway.`;
}

interface Check extends Pick<Runtime, 'servers' | 'gateways'> {
  /** The adapter of the app. */
  readonly name: string;
  /** The class of each gateway that Nest binds. */
  readonly bound: readonly Type[];
  readonly publicGateways: readonly object[];
}

/** An error if clients of a gateway that is not named as public need no authentication. */
function unauthenticated(check: Check, isOurs: boolean): PropagatorError | undefined {
  const { name, bound, servers, gateways, publicGateways } = check;
  const handOn = 'Hand on bindClientConnect() of all gateways to SocketStateAdapter';
  const remedy = `${isOurs ? callSuper(name) : `${handOn}.`} Name gateways that are public on purpose in auth.publicGateways.`;
  const open = bound.filter((gateway) => {
    if (publicGateways.includes(gateway)) return false;
    const server = gateways.serverOf(gateway);
    const root = socketIoServerOf(server);
    return server !== undefined && (root === undefined || !servers.has(root));
  });
  const elsewhere = servedElsewhere(check);
  if (elsewhere <= namedOf(check) && open.length === 0) return undefined;
  const which =
    open.length > 0
      ? namesOf(open)
      : `${elsewhere} of the ${bound.length} gateways ${namesOf(bound)}`;
  return PropagatorError.of('adapter.missing', [which, name, NOT_AUTHENTICATED, remedy]);
}

/** An error if `auth.publicGateways` does not name exactly the gateways that are served elsewhere. */
function notPublic(check: Check): PropagatorError | undefined {
  const { name, bound, gateways, publicGateways } = check;
  const named = namedOf(check);
  const elsewhere = servedElsewhere(check);
  if (elsewhere !== named || !publicGateways.every((each) => bound.includes(each as Type))) {
    return misused(
      'auth.publicGateways',
      `${publicGateways.length} classes, ${named} of them gateways of this app`,
      `${name} serves ${elsewhere} of the gateways ${namesOf(bound)} itself, and the others are authenticated. Name exactly those.`,
    );
  }
  for (const gateway of new Set(bound)) {
    const server = gateways.serverOf(gateway);
    if (server === undefined) {
      // Without proof the wrong gateway may be open.
      if (named === 0) continue;
      return misused(
        'auth.publicGateways',
        'names of gateways',
        `The installed version of Nest does not show which gateways ${name} serves itself. Look for a newer version of nestjs-redis-propagator.`,
      );
    }
    if (!publicGateways.includes(gateway)) continue;
    const others = bound.filter(
      (other) => !publicGateways.includes(other) && gateways.serverOf(other) === server,
    );
    if (gateways.countOn(server) > others.length) {
      return misused(
        'auth.publicGateways',
        gateway.name,
        `${name} hands ${gateway.name} on to SocketStateAdapter, so its clients are authenticated. Name exactly the gateways that ${name} serves itself.`,
      );
    }
  }
  return undefined;
}

function namedOf({ bound, publicGateways }: Check): number {
  return bound.filter((gateway) => publicGateways.includes(gateway)).length;
}

/** The number of gateways that `SocketStateAdapter` was not given. */
function servedElsewhere({ bound, gateways }: Check): number {
  return Math.max(0, bound.length - gateways.count);
}

function namesOf(gateways: readonly Type[]): string {
  return [...new Set(gateways)].map((gateway) => gateway.name).join(', ');
}

/** The classes of all gateways of the app. @internal */
export function gatewaysIn(modules: ModulesContainer): Set<Type> {
  return new Set(boundGateways(modules));
}

/** The class of each gateway that Nest binds: a class that two modules provide is there twice. */
function boundGateways(modules: ModulesContainer): Type[] {
  const gateways: Type[] = [];
  for (const { providers } of modules.values()) {
    for (const { metatype } of providers.values()) {
      if (typeof metatype !== 'function') continue;
      if (Reflect.hasMetadata(GATEWAY_METADATA, metatype)) gateways.push(metatype as Type);
    }
  }
  return gateways;
}
