import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { isObservable } from 'rxjs';
import type { Server } from 'socket.io';
import * as library from '../../src/index.js';
import { hostileValues, thrower } from '../support/hostile-values.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class ServedGateway {
  @WebSocketServer()
  readonly server!: Server;
}

type Service = Record<string, (...args: unknown[]) => unknown>;

/** Valid arguments of each public method. The tests replace one of them, or a property of one, with hostile values. */
const accepted: Record<string, Record<string, () => unknown[]>> = {
  ClusterService: { members: () => [] },
  DiagnosticsService: { diagnostics: () => [] },
  PropagatorHealthIndicator: {
    checkReady: () => ['key'],
    checkHealth: () => ['key'],
    isReady: () => ['key'],
    isHealthy: () => ['key'],
  },
  PresenceService: {
    areOnline: () => [['nobody']],
    count: () => [],
    isOnline: () => ['nobody'],
    lastSeen: () => ['nobody'],
    onlineUsers: () => [{ cursor: null, limit: 10 }],
    setStatus: () => ['nobody', 'away'],
    statusOf: () => ['nobody'],
    watch: () => [['nobody']],
  },
  RedisPropagatorService: {
    of: () => ['/'],
    ...verbs(),
    fetchUserSockets: () => ['nobody', { namespace: '/' }],
    joinUser: () => ['nobody', ['room'], { namespace: '/' }],
    leaveUser: () => ['nobody', ['room'], { namespace: '/' }],
  },
  NamespacePropagator: {
    ...verbs(),
    fetchUserSockets: () => ['nobody'],
    joinUser: () => ['nobody', ['room']],
    leaveUser: () => ['nobody', ['room']],
  },
  RedisService: { fromEvent: () => ['channel'], publish: () => ['channel', { value: 1 }] },
  SessionService: {
    sessions: () => ['nobody', { namespace: '/' }],
    revokeUser: () => ['nobody', { reason: 'r', exceptSessionId: 's' }],
    revokeSession: () => ['nobody', { reason: 'r' }],
    setMetadata: () => [{ id: 'x' }, { device: 'phone' }],
    setSessionMetadata: () => ['nobody', { device: 'phone' }],
  },
  SocketStateService: {
    add: () => ['nobody', { id: 'x' }],
    remove: () => ['nobody', { id: 'x' }],
    get: () => ['nobody'],
    getAll: () => [],
  },
};

function verbs(): Record<string, () => unknown[]> {
  const flags = { volatile: false, compress: true, publish: 'queued', latestOnly: 'k' };
  const event = { event: 'e', data: 1, ...flags };
  const excepted = { exceptSocketId: 'x', exceptSessionId: 'y' };
  return {
    emitToAll: () => [{ ...event, ...excepted }],
    emitToAuthenticated: () => [{ ...event, ...excepted }],
    emitToRoom: () => [{ ...event, ...excepted, room: 'room' }],
    emitToUser: () => [{ ...event, ...excepted, userId: 'nobody', sessionId: 's' }],
    emitToUsers: () => [{ ...event, ...excepted, userIds: ['nobody'] }],
    propagateEvent: () => [{ ...event, userId: 'nobody', socketId: 'x' }],
    requestUser: () => [{ event: 'e', data: 1, userId: 'nobody', timeoutMs: 100 }],
    disconnectUser: () => ['nobody', { ...excepted, reason: 'r', sessionId: 's', close: false }],
  };
}

function* names(): Iterator<string> {
  for (;;) yield 'nobody';
}

function endlessArray(target: object, key: string | symbol): unknown {
  if (key === 'length') return 4_000_000_000;
  return typeof key === 'string' && /^\d+$/.test(key) ? 'nobody' : Reflect.get(target, key);
}

const more: typeof hostileValues = [
  ['null', () => null],
  ['no number', () => NaN],
  ['a negative number', () => -1],
  ['empty text', () => ''],
  ['an empty list', () => []],
  ['a list of hostile values', () => hostileValues.map(([, make]) => make())],
  ['a function', () => thrower],
  ['a Promise', () => Promise.resolve('nobody')],
  ['an iterable that throws', () => ({ [Symbol.iterator]: thrower })],
  ['an iterator that throws', () => ({ [Symbol.iterator]: () => ({ next: thrower }) })],
  ['an endless generator', () => ({ [Symbol.iterator]: names })],
  ['an endless array', () => new Proxy([], { get: endlessArray })],
  [
    'a value whose parts cannot be read',
    () => new Proxy({ event: 'e' }, { get: thrower, ownKeys: thrower }),
  ],
];

/**
 * Public methods of the exported classes, inherited ones included, from the API report: the name, and whether the method
 * returns a Promise.
 */
function publicMethods(): Map<string, Map<string, boolean>> {
  const report = readFileSync('etc/nestjs-redis-propagator.api.md', 'utf8').replaceAll('\r', '');
  const classes = report.matchAll(
    /^export (?:abstract )?class (\w*(?:Service|Propagator|Indicator))\b([^{]*) \{\n(.*?)^\}/gms,
  );
  const known = new Map(
    Array.from(classes, ([, name = '', heritage = '', body = '']) => {
      const methods = body.matchAll(/^ {4}(\w+)(?:<[^(]*>)?\(.*?\): (\w+)/gms);
      const own = Array.from(
        methods,
        ([, method = '', type]) => [method, type === 'Promise'] as const,
      );
      return [name, { own, base: / extends (\w*Propagator)\b/.exec(heritage)?.[1] }];
    }),
  );
  return new Map(
    [...known]
      .filter(([name]) => name !== 'Propagator')
      .map(([name, { own, base = '' }]) => [
        name,
        new Map([...(known.get(base)?.own ?? []), ...own]),
      ]),
  );
}

/** Some are slow to create; nothing changes them. */
const values = [...hostileValues, ...more].map(
  ([name, make]): [name: string, make: () => unknown] => {
    const value = make();
    return [name, () => value];
  },
);

/** The app's own parser reads the data of events, however long it takes. */
const endless: ReadonlySet<string> = new Set([
  'a huge array',
  'a list of hostile values',
  'an endless array',
]);
const isData = (key: string): boolean => key === 'data' || key === 'value';

/** The arguments, with a hostile value in each place in turn. */
function* spoiled(valid: () => unknown[]): Iterable<[place: string, args: () => unknown[]]> {
  for (const [index, arg] of valid().entries()) {
    const keys = typeof arg === 'object' && arg !== null ? Object.keys(arg) : [];
    const isList = Array.isArray(arg);
    for (const [name, make] of values) {
      if (keys.some(isData) && endless.has(name)) continue;
      yield [`argument ${index} is ${name}`, () => valid().with(index, make())];
      if (isList) {
        yield [`argument ${index} has ${name} in it`, () => valid().with(index, [...arg, make()])];
      }
    }
    for (const key of isList ? [] : keys) {
      for (const [name, make] of values) {
        if (isData(key) && endless.has(name)) continue;
        const place = `${key} of argument ${index} is ${name}`;
        yield [place, () => valid().with(index, { ...(arg as object), [key]: make() })];
      }
      const getter = { get: thrower, enumerable: true, configurable: true };
      yield [
        `${key} of argument ${index} cannot be read`,
        () => valid().with(index, Object.defineProperty({ ...(arg as object) }, key, getter)),
      ];
    }
  }
}

describe('a public method', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await givenCluster()
      .of(1)
      .with(ServedGateway)
      .onInMemoryPubSub()
      .configured({ requestTimeoutMs: 200 })
      .start();
  });
  afterAll(() => cluster.close());

  const serviceOf = (name: string): Service => {
    const { app, propagator } = cluster.instance(0);
    if (name === 'NamespacePropagator') return propagator.of('/') as unknown as Service;
    return app.get(new Map<string, unknown>(Object.entries(library)).get(name) as never);
  };

  it('is covered by this test', () => {
    const tried = Object.entries(accepted).map(([name, methods]) => [
      name,
      Object.keys(methods).sort(),
    ]);
    const known = Array.from(publicMethods(), ([name, methods]) => [
      name,
      [...methods.keys()].sort(),
    ]);
    expect(Object.fromEntries(tried)).toEqual(
      Object.fromEntries(known.filter(([, methods]) => (methods?.length ?? 0) > 0)),
    );
  });

  const taking = Object.entries(accepted).filter(([name]) => !/Cluster|Diagnostics/.test(name));
  describe.each(taking)('of %s', (name, methods) => {
    it.each(Object.entries(methods).filter(([, valid]) => valid().length > 0))(
      '%s accepts no hostile argument, or refuses it with a code',
      async (method, valid) => {
        const promises = publicMethods().get(name)?.get(method) === true;
        const service = serviceOf(name);
        const faults: string[] = [];
        for (const [place, args] of spoiled(valid)) {
          const told = (thrown: unknown): void => {
            const isOurs =
              thrown instanceof library.PropagatorError && typeof thrown.code === 'string';
            if (!isOurs) faults.push(`${place}: ${String(thrown)}`);
          };
          const given = args();
          try {
            const result = service[method]?.(...given);
            if (promises) {
              if (result instanceof Promise) await result.then(undefined, told);
              else faults.push(`${place}: no Promise`);
            } else if (isObservable(result)) {
              result.subscribe({ error: told }).unsubscribe();
            }
          } catch (thrown) {
            if (promises) faults.push(`${place}: thrown at once: ${String(thrown)}`);
            else told(thrown);
          }
        }
        expect(faults).toEqual([]);
      },
    );
  });
});
