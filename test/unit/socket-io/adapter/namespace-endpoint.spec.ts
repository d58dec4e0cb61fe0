import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Namespace, Socket } from 'socket.io';
import * as parser from 'socket.io-parser';
import { Reporter } from '../../../../src/reporting/reporter.js';
import type { Delivery } from '../../../../src/routing/local-namespace.js';
import { codecOf, encodeEvent } from '../../../../src/routing/packet-codec.js';
import { userRoom } from '../../../../src/routing/reserved-rooms.js';
import type { NamespaceRecovery } from '../../../../src/recovery/namespace-recovery.js';
import { NamespaceEndpoint } from '../../../../src/socket-io/adapter/namespace-endpoint.js';
import { RecentJoins } from '../../../../src/socket-io/adapter/recent-joins.js';
import { RoomChannels } from '../../../../src/socket-io/adapter/room-channels.js';
import type { SlowClients } from '../../../../src/socket-io/connections/slow-clients.js';
import { MemoryLogger } from '../../../support/memory-logger.js';
import { EventOffset } from '../../../../src/wire/offset.js';

const NAME = '/chat';
const CODEC = codecOf(parser);
const ALICE = { userId: 'alice', sessionId: 'one' };

/** A socket with a long-polling connection that records what is written to it. */
class FakeSocket {
  readonly written: unknown[] = [];
  readonly transport = { name: 'polling', writable: true };
  readonly client = {
    conn: {
      protocol: 4,
      transport: this.transport,
      writeBuffer: [],
      write: (data: unknown) => this.written.push(data),
    },
  };
  readonly acks = new Map();

  constructor(readonly id: string) {}
}

describe('a namespace without a Socket.IO server', () => {
  let sockets: Map<string, FakeSocket>;
  let rooms: Map<string, Set<string>>;
  let sids: Map<string, Set<string>>;
  /** Subscribed channels, by target. */
  let held: string[];
  let left: [string, string | undefined][];
  let reporter: Reporter;
  let endpoint: NamespaceEndpoint;

  beforeEach(() => {
    sockets = new Map();
    rooms = new Map();
    sids = new Map();
    held = [];
    left = [];
    reporter = new Reporter(new MemoryLogger());
    endpoint = givenEndpoint();
  });

  const givenEndpoint = (
    recovery?: NamespaceRecovery,
    joins = new RecentJoins(0),
  ): NamespaceEndpoint => {
    const channels = new RoomChannels(NAME, {
      hold: (target) => {
        const name = Object.values(target).join(' ');
        held.push(name);
        const release = (): void => void held.splice(held.indexOf(name), 1);
        return { settled: true, ready: Promise.resolve(), release } as never;
      },
    });
    return new NamespaceEndpoint({
      namespace: { name: NAME, sockets } as unknown as Namespace,
      codec: CODEC,
      joins,
      memory: {
        rooms,
        sids,
        enter: (id, names) => {
          const own = sids.get(id) ?? new Set();
          sids.set(id, own);
          for (const name of names) {
            own.add(name);
            rooms.set(name, (rooms.get(name) ?? new Set()).add(id));
          }
        },
        exit: (id, name) => {
          sids.get(id)?.delete(name);
          rooms.get(name)?.delete(id);
        },
        exitAll: (id) => {
          for (const name of sids.get(id) ?? []) rooms.get(name)?.delete(id);
          sids.delete(id);
        },
      },
      channels,
      recovery,
      reporter,
      limits: { roomsPerSocket: 3, nameBytes: 20 },
      connections: { slow: {} as SlowClients, coalescer: undefined },
      onLeft: ({ id }, identity) => left.push([id, identity?.userId]),
    });
  };

  const arrive = (id: string): FakeSocket => {
    const socket = new FakeSocket(id);
    endpoint.arriving(real(socket));
    return socket;
  };

  const connect = (socket: FakeSocket): void => {
    sockets.set(socket.id, socket);
    endpoint.connected(real(socket));
  };

  const join = (id: string, ...names: string[]): FakeSocket => {
    const socket = arrive(id);
    void endpoint.admit(real(socket), null);
    connect(socket);
    void endpoint.join(id, [id, ...names]);
    return socket;
  };

  const deliver = (to: Partial<Delivery>): number => {
    const packet = encodeEvent(CODEC, NAME, ['news']);
    return endpoint.deliver({
      packet,
      rooms: [],
      except: [],
      volatile: false,
      compress: true,
      ...to,
    });
  };

  /** How many events each socket got. */
  const received = (): Record<string, number> =>
    Object.fromEntries([...sockets].map(([id, { written }]) => [id, written.length]));

  it.each<[string, Partial<Delivery>, Record<string, number>]>([
    ['all sockets', {}, { a: 1, b: 1, c: 1 }],
    ['one room', { rooms: ['r'] }, { a: 1, b: 1, c: 0 }],
    ['several rooms, once per socket', { rooms: ['r', 's', 'b'] }, { a: 1, b: 1, c: 1 }],
    ['rooms without others', { rooms: ['r', 's'], except: ['s'] }, { a: 1, b: 0, c: 0 }],
    ['all sockets without a room', { except: ['r'] }, { a: 0, b: 0, c: 1 }],
    ['one room within another', { rooms: ['r'], within: 's' }, { a: 0, b: 1, c: 0 }],
    ['a room without sockets', { rooms: ['nowhere'] }, { a: 0, b: 0, c: 0 }],
  ])('delivers to %s', (_, to, expected) => {
    join('a', 'r');
    join('b', 'r', 's');
    join('c', 's');

    const count = deliver(to);
    expect(received()).toEqual(expected);
    expect(count).toBe(Object.values(expected).reduce((sum, each) => sum + each, 0));
  });

  it('delivers a late event to the sockets that had come when it was sent, by a clock that is not set back', () => {
    jest.spyOn(Date, 'now').mockReturnValue(0);
    const clock = jest.spyOn(performance, 'now');
    const joinAt = (ms: number, id: string, room: string): void => {
      clock.mockReturnValue(ms);
      join(id, room);
    };
    joinAt(100, 'earlier', 'r');
    joinAt(150, 'inTime', 'r');
    joinAt(151, 'later', 'r');
    joinAt(100, 'elsewhere', 's');
    const asOf = performance.timeOrigin + 150;
    expect(deliver({ rooms: ['r'], asOf })).toBe(2);
    expect(received()).toEqual({ earlier: 1, inTime: 1, later: 0, elsewhere: 0 });
    expect(deliver({ asOf, rooms: ['s'], except: ['r'] })).toBe(1);
    jest.restoreAllMocks();
  });

  it('looks at the sockets of the room only for a late event, however many have come since', () => {
    join('earlier', 'r');
    const asOf = performance.timeOrigin + performance.now();
    for (let i = 0; i < 1_000; i++) join(`later-${i}`, 's');
    const looks = jest.spyOn(sockets, 'get');
    for (let n = 0; n < 10; n++) expect(deliver({ rooms: ['r'], asOf })).toBe(1);
    expect(looks).toHaveBeenCalledTimes(10);
  });

  it('delivers a late event to the sockets that were in one of its rooms when it was sent', () => {
    endpoint = givenEndpoint(undefined, new RecentJoins(60_000));
    for (const id of ['old', 'guest', 'both']) join(id);
    void endpoint.join('old', ['r']);
    void endpoint.join('both', ['s']);
    jest.useFakeTimers({ now: Date.now() + 1_000 });
    const sentAt = Date.now();
    jest.advanceTimersByTime(1_000);
    void endpoint.join('guest', ['r', 's']);
    void endpoint.join('both', ['r']);
    expect(deliver({ asOf: sentAt, rooms: ['r'] })).toBe(1);
    expect(received()).toEqual({ old: 1, guest: 0, both: 0 });
    expect(deliver({ asOf: sentAt, rooms: ['r', 's'] })).toBe(2);
    expect(received()).toEqual({ old: 2, guest: 0, both: 1 });
    expect(deliver({ asOf: Date.now(), rooms: ['r'] })).toBe(3);
    expect(deliver({ asOf: sentAt })).toBe(3);
    jest.useRealTimers();
  });

  it('delivers to the sockets of a user until they leave', () => {
    const socket = arrive('a');
    void endpoint.admit(real(socket), ALICE);
    connect(socket);
    join('b');

    deliver({ rooms: [userRoom('alice')] });
    expect(received()).toEqual({ a: 1, b: 0 });
    expect(endpoint.identityOf('a')).toEqual(ALICE);
    expect(endpoint.roomNames()).toEqual(['b']);

    endpoint.removed(real(socket));
    expect(deliver({ rooms: [userRoom('alice')] })).toBe(0);
    expect(left).toEqual([['a', 'alice']]);
  });

  it('drops a volatile event for a connection that is not writable, and counts it', () => {
    join('a').transport.writable = false;
    join('b');

    deliver({ volatile: true });
    expect(received()).toEqual({ a: 0, b: 1 });
    expect(reporter.counts()).toEqual({ 'volatile.dropped': 1 });

    deliver({});
    expect(received()).toEqual({ a: 1, b: 2 });
  });

  it('delivers to a socket that is being admitted only once it is connected', () => {
    join('a', 'r');
    const late = arrive('late');
    void endpoint.admit(real(late), ALICE);
    void endpoint.join('late', ['r']);

    expect(deliver({ rooms: ['r'] })).toBe(1);
    expect(deliver({ rooms: [userRoom('alice')] })).toBe(0);
    const selector = { namespace: NAME, rooms: ['r'], except: [] };
    expect(endpoint.select(selector).map(({ id }) => id)).toEqual(['a']);
    expect(endpoint.selectWithArriving(selector).map(({ id }) => id)).toEqual(['a', 'late']);
    expect(endpoint.hasArrivals).toBe(true);

    connect(late);
    expect(deliver({ rooms: ['r'] })).toBe(2);
    expect(endpoint.hasArrivals).toBe(false);
    expect(received()).toEqual({ a: 2, late: 1 });
  });

  it('keeps an event for clients that come back, and leaves out the sockets that have it already', () => {
    const kept: unknown[] = [];
    const recovery = {
      arrived: () => undefined,
      roomsFor: () => new Set<string>(),
      connected: () => undefined,
      joined: () => undefined,
      keep: ({ offset }: Delivery) => {
        kept.push(offset?.text);
        return offset?.text === 'known' ? new Set(['a']) : undefined;
      },
    } as unknown as NamespaceRecovery;
    endpoint = givenEndpoint(recovery);
    join('a', 'r');
    join('b', 'r');

    expect(deliver({ rooms: ['r'], offset: EventOffset.of('new') })).toBe(2);
    expect(deliver({ rooms: ['r'], offset: EventOffset.of('known') })).toBe(1);
    expect(received()).toEqual({ a: 1, b: 2 });
    expect(kept).toEqual(['new', 'known']);
  });

  it('keeps sockets out of reserved rooms, rooms of other sockets, long names and too many rooms', () => {
    join('a');
    join('b');
    const long = 'x'.repeat(21);
    void endpoint.join('a', [userRoom('bob'), 'b', long, null, 'r', 7, 's', 't', 'u', 'r']);

    expect([...(sids.get('a') ?? [])]).toEqual(['a', 'r', '7', 's']);
    expect(reporter.counts()).toEqual({
      'room.reserved': 2,
      'name.too-long': 1,
      'room.invalid': 1,
      'room.too-many': 2,
    });
  });

  it('takes a socket out of a room, but not out of a reserved one', () => {
    const socket = arrive('a');
    void endpoint.admit(real(socket), ALICE);
    connect(socket);
    void endpoint.join('a', ['r', 7]);

    endpoint.leave('a', 7);
    endpoint.leave('a', userRoom('alice'));
    expect([...(sids.get('a') ?? [])]).toEqual(['r']);
    expect(deliver({ rooms: [userRoom('alice')] })).toBe(1);
    expect(reporter.counts()).toEqual({ 'room.reserved': 1 });
  });

  it('holds the channels of the namespace and of a user while it has sockets or admits one', () => {
    expect(held).toEqual([]);
    const first = arrive('a');
    const second = arrive('b');
    void endpoint.admit(real(first), ALICE);
    const all = `all ${NAME}`;
    expect(held).toContain(all);
    expect(held.filter((name) => name.includes('alice'))).toHaveLength(1);

    endpoint.refused('a');
    expect(held).toEqual([all]);
    endpoint.refused('nobody');
    endpoint.refused('b');
    expect(held).toEqual([]);
    expect(left).toEqual([
      ['a', 'alice'],
      ['b', undefined],
    ]);
    expect(second.written).toEqual([]);
  });
});

function real(socket: FakeSocket): Socket {
  return socket as unknown as Socket;
}
