import type { Type } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
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
  { servers, publicGateways }: Pick<Runtime, 'servers' | 'publicGateways'>,
): PropagatorError | undefined {
  // Nest's type does not show it: there is no adapter until gateways are served, unless the app sets one.
  const adapter = config.getIoAdapter() as object | null | undefined;
  if (!adapter) return undefined;
  const bound = boundGateways(modules);
  // If Nest marks gateways in another way, it is unknown whether there are any. Then the existence of an adapter
  // shows it.
  const unknown = bound.length === 0 && nestFaults().includes(GATEWAY_METADATA);
  if (bound.length === 0 && !unknown) return undefined;
  const names = [...new Set(bound)].map((gateway) => gateway.name).join(', ');
  const name =
    servers.count === 0 && ADAPTER in adapter
      ? 'the adapter of another app'
      : adapter.constructor?.name || 'another adapter';
  if (servers.count === 0) {
    const consequence =
      publicGateways === undefined
        ? 'events of other instances do not reach them'
        : 'the option "auth" would have no effect, and anybody could connect';
    return PropagatorError.of('adapter.missing', [names || 'this app', name, consequence]);
  }
  if (publicGateways === undefined || unknown) return undefined;
  const named = bound.filter((gateway) => publicGateways.includes(gateway)).length;
  // More, if an adapter of the app wraps the listener of a gateway and binds it to several servers.
  const elsewhere = Math.max(0, bound.length - servers.gateways.size);
  if (elsewhere > named) {
    return PropagatorError.of('adapter.missing', [
      `${elsewhere} of the ${bound.length} gateways ${names}`,
      name,
      'the option "auth" would have no effect, and anybody could connect. Hand on bindClientConnect() of all gateways, ' +
        'or name those that are public on purpose in auth.publicGateways',
    ]);
  }
  if (elsewhere === named && publicGateways.every((given) => bound.includes(given as Type))) {
    return undefined;
  }
  return misused(
    'auth.publicGateways',
    `${publicGateways.length} classes, ${named} of them gateways of this app`,
    `${name} serves ${elsewhere} of the gateways ${names} itself, and the others are authenticated. Name exactly those.`,
  );
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
