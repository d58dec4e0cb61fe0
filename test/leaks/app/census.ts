import type { EventEmitter } from 'node:events';
import type { Server } from 'socket.io';
import type { Runtime } from '../../../src/nest/runtime.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { TestInstance } from '../../support/test-instance.js';
import { RootGateway } from './gateways.js';
import { sizesBelow, type Sizes } from './sizes.js';

/** Counts everything in one instance that could grow. */
export interface Census {
  /** Maps, sets and lists of the library. */
  readonly maps: Sizes;
  /** Listeners on the Redis clients and on the servers, by event. */
  readonly listeners: Sizes;
  /** References from Socket.IO to the library, and back. */
  readonly sockets: Sizes;
}

/** Private members of Socket.IO. */
interface Asked {
  readonly acks: ReadonlyMap<number, unknown>;
}
interface Internals {
  readonly _nsps: ReadonlyMap<string, { adapter: object; sockets: ReadonlyMap<string, Asked> }>;
  readonly parentNsps: ReadonlyMap<unknown, { children: ReadonlySet<unknown> }>;
}

export function serverOf({ app }: TestInstance): Server {
  return app.get(RootGateway).server;
}

export function runtimeOf({ app }: TestInstance): Runtime {
  return app.get<Runtime>(RUNTIME);
}

/** The number of instances of which something has been heard for certain. */
export function provenBy(instance: TestInstance): number {
  const { router } = runtimeOf(instance) as unknown as {
    router: {
      receiver: {
        repair: { positions: { proven: ReadonlyMap<string, ReadonlyMap<number, number>> } };
      };
    };
  };
  const { proven } = router.receiver.repair.positions;
  return [...proven.values()].filter(({ size }) => size > 0).length;
}

export function censusOf(instance: TestInstance): Census {
  const server = serverOf(instance);
  const { _nsps, parentNsps } = server as unknown as Internals;
  const adapters = [..._nsps].map(
    ([name, { adapter }]) => [`adapter of ${name}`, adapter] as const,
  );
  const sockets = new Set<Asked>();
  for (const nsp of _nsps.values()) for (const socket of nsp.sockets.values()) sockets.add(socket);
  return {
    maps: withoutKept(
      sizesBelow({ runtime: runtimeOf(instance), ...Object.fromEntries(adapters) }),
    ),
    listeners: listenersOf(instance),
    sockets: {
      connections: server.engine.clientsCount,
      sockets: sockets.size,
      'pending acknowledgements': [...sockets].reduce((sum, { acks }) => sum + acks.size, 0),
      namespaces: _nsps.size,
      'dynamic namespaces': [...parentNsps.values()].reduce((sum, p) => sum + p.children.size, 0),
    },
  };
}

/**
 * Kept on purpose, within limits: the publish history, the received log, the numbers of the newest requests, the positions and the
 * joins of the last minute, and the names of Engine.IO's transports.
 */
function withoutKept(sizes: Sizes): Sizes {
  const kept =
    /\.history\.(blocks|spare|evicted)\b|\.positions\.past(\[|$)|\.log\.(chunks|lastSequences|originIndexes)|\.requests\.begun$|\.internals\.transports$|\.joins\.(current|before)(\[|$)/;
  return Object.fromEntries(Object.entries(sizes).filter(([path]) => !kept.test(path)));
}

function listenersOf(instance: TestInstance): Sizes {
  const server = serverOf(instance);
  const { clients } = runtimeOf(instance);
  const emitters: Record<string, unknown> = {
    publisher: clients?.publisher,
    subscriber: clients?.subscriber,
    control: clients?.control,
    http: instance.app.getHttpServer(),
    engine: server.engine,
    server: server.sockets,
    process,
  };
  const counts: Sizes = {};
  for (const [name, emitter] of Object.entries(emitters) as [string, EventEmitter][]) {
    for (const event of emitter.eventNames()) {
      counts[`${name} ${String(event)}`] = emitter.listenerCount(event);
    }
  }
  return counts;
}
