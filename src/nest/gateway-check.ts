import type { Type } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { GATEWAY_METADATA, nestFaults } from './nest-internals.js';
import { ADAPTER } from './tokens.js';
import { PropagatorError } from '../errors.js';
import type { Runtime } from './runtime.js';

/** The modules and providers of an app, as Nest stores them. @internal */
export interface NestParts {
  readonly config: ApplicationConfig;
  readonly modules: ModulesContainer;
}

/**
 * Returns an error if the app serves gateways, and another adapter than `SocketStateAdapter` created all their
 * servers. Workers serve no gateways, whatever modules they import.
 *
 * @internal
 */
export function missingAdapter(
  { config, modules }: NestParts,
  { servers, authenticates }: Runtime,
): PropagatorError | undefined {
  // Nest's type does not show it: there is no adapter until gateways are served, unless the app sets one.
  const adapter = config.getIoAdapter() as object | null | undefined;
  if (!adapter || servers.count > 0) return undefined;
  const gateways = [...gatewaysIn(modules)].map(({ name }) => name);
  // If Nest marks gateways in another way, it is unknown whether there are any. Then the existence of an adapter
  // shows it.
  if (gateways.length === 0 && !nestFaults().includes(GATEWAY_METADATA)) return undefined;
  const consequence = authenticates
    ? 'the option "auth" would have no effect, and anybody could connect'
    : 'events of other instances do not reach them';
  const name =
    ADAPTER in adapter
      ? 'the adapter of another app'
      : adapter.constructor?.name || 'another adapter';
  return PropagatorError.of('adapter.missing', [
    gateways.join(', ') || 'this app',
    name,
    consequence,
  ]);
}

/**
 * Returns a warning if an adapter of the app passes some gateways on to `SocketStateAdapter` and serves others
 * itself: `auth` has no effect on those.
 *
 * @internal
 */
export function unauthenticatedGateways(
  { config, modules }: NestParts,
  { servers, authenticates }: Runtime,
): string | undefined {
  const adapter = config.getIoAdapter() as object | null | undefined;
  if (!adapter || ADAPTER in adapter || !authenticates) return undefined;
  const gateways = [...gatewaysIn(modules)].map(({ name }) => name);
  if (servers.gateways >= gateways.length) return undefined;
  return (
    `${adapter.constructor?.name || 'The adapter'} hands ${servers.gateways} of the ${gateways.length} gateways ` +
    `${gateways.join(', ')} on to SocketStateAdapter. Clients of the others are not authenticated, and get no events of ` +
    'other instances. Hand on bindClientConnect() of all gateways, or check those clients by other means.'
  );
}

/** The classes of all gateways of the app. @internal */
export function gatewaysIn(modules: ModulesContainer): Set<Type> {
  const gateways = new Set<Type>();
  for (const { providers } of modules.values()) {
    for (const { metatype } of providers.values()) {
      if (typeof metatype !== 'function') continue;
      if (Reflect.hasMetadata(GATEWAY_METADATA, metatype)) gateways.add(metatype as Type);
    }
  }
  return gateways;
}
