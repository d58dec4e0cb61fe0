import { describe, expect, it, jest } from '@jest/globals';
import {
  SocketStateService,
  type AuthenticatedSocket,
  type SocketStateChange,
} from '../../../src/index.js';

function socket(id: string): AuthenticatedSocket {
  return { id } as AuthenticatedSocket;
}

function stateWithChanges() {
  const state = new SocketStateService();
  const changes: SocketStateChange[] = [];
  state.changes$.subscribe((change) => changes.push(change));
  return { state, changes };
}

describe('SocketStateService', () => {
  const [a, b, c] = [socket('a'), socket('b'), socket('c')];

  it('knows the sockets of a user in order of connection, and no others', () => {
    const { state } = stateWithChanges();
    state.add('1', a);
    state.add('2', b);
    state.add('1', c);
    expect(state.get('1')).toEqual([a, c]);
    expect(state.get('2')).toEqual([b]);
    expect(state.get('3')).toEqual([]);
    expect([state.userCount, state.socketCount]).toEqual([2, 3]);
  });

  // A list of arrays in an array would break every emit to authenticated sockets.
  it('returns all sockets as one flat list', () => {
    const { state } = stateWithChanges();
    expect(state.getAll()).toEqual([]);
    state.add('1', a);
    state.add('1', b);
    state.add('2', c);
    expect(state.getAll()).toEqual([a, b, c]);
  });

  // 1234 and "1234" must be one user.
  it('treats 42, 42n and "42" as one user', () => {
    const { state, changes } = stateWithChanges();
    state.add(42, a);
    state.add('42', b);
    state.add(42n, c);
    for (const id of [42, '42', 42n]) expect(state.get(id)).toEqual([a, b, c]);
    expect(state.userCount).toBe(1);
    expect(changes).toEqual([{ type: 'first-socket', userId: '42' }]);
    expect(state.remove('42', a)).toBe(true);
    expect(state.get(42)).toEqual([b, c]);
  });

  it('keeps a connected socket, whatever the app removes or adds', () => {
    const { state, changes } = stateWithChanges();
    state.connected('1', a);
    expect(state.remove('1', a)).toBe(false);
    expect(state.add('1', a)).toBe(false);
    expect(state.remove('1', a)).toBe(false);
    expect(state.get('1')).toEqual([a]);
    expect(changes).toEqual([{ type: 'first-socket', userId: '1' }]);

    expect(state.add('2', a)).toBe(true);
    expect(state.remove('2', a)).toBe(true);
    state.left('1', a);
    expect(state.get('1')).toEqual([]);
    expect(changes.at(-1)).toEqual({ type: 'last-socket', userId: '1' });
  });

  it('keeps a connected socket that the app added before', () => {
    const { state } = stateWithChanges();
    state.add('1', a);
    state.connected('1', a);
    expect(state.remove('1', a)).toBe(false);
    expect(state.socketCount).toBe(1);
    state.left('1', a);
    expect([state.userCount, state.socketCount]).toEqual([0, 0]);
  });

  // Nest calls `bindClientConnect` once per gateway: a socket registered twice would get each event twice.
  it('counts a socket once that was added twice', () => {
    const { state, changes } = stateWithChanges();
    expect(state.add('1', a)).toBe(true);
    expect(state.add('1', a)).toBe(false);
    expect(state.add(1, a)).toBe(false);
    expect(state.get('1')).toEqual([a]);
    expect(state.socketCount).toBe(1);
    expect(state.remove('1', a)).toBe(true);
    expect(state.remove('1', a)).toBe(false);
    expect([state.userCount, state.socketCount]).toEqual([0, 0]);
    expect(changes).toHaveLength(2);
  });

  it('reports first and last sockets after the state has changed', () => {
    const state = new SocketStateService();
    const seen: [string, string, number, number][] = [];
    state.changes$.subscribe(({ type, userId }) => {
      seen.push([type, userId, state.get(userId).length, state.userCount]);
    });
    state.add('1', a);
    state.add('1', b);
    state.add('2', c);
    state.remove('1', a);
    state.remove('1', b);
    state.add('1', a);
    expect(seen).toEqual([
      ['first-socket', '1', 1, 1],
      ['first-socket', '2', 1, 2],
      ['last-socket', '1', 0, 1],
      ['first-socket', '1', 1, 2],
    ]);
  });

  it('ignores unknown sockets and users', () => {
    const { state, changes } = stateWithChanges();
    state.add('1', a);
    expect(state.remove('1', b)).toBe(false);
    expect(state.remove('2', a)).toBe(false);
    for (const none of ['', Number.NaN, undefined as never, null as never]) {
      expect(state.add(none, b)).toBe(false);
      expect(state.remove(none, b)).toBe(false);
      expect(state.get(none)).toEqual([]);
    }
    expect(state.getAll()).toEqual([a]);
    expect(changes).toHaveLength(1);
  });

  it('returns copies of its lists', () => {
    const { state } = stateWithChanges();
    state.add('1', a);
    const [before, all] = [state.get('1'), state.getAll()];
    state.add('1', b);
    expect([before, all]).toEqual([[a], [a]]);
    (state.get('1') as AuthenticatedSocket[]).push(c);
    (state.getAll() as AuthenticatedSocket[]).length = 0;
    expect(state.get('1')).toEqual([a, b]);
    expect(() => (state.get('nobody') as AuthenticatedSocket[]).push(c)).toThrow(TypeError);
  });

  it('adds, finds and removes a socket without scanning a list', () => {
    const state = new SocketStateService();
    const sockets = Array.from({ length: 100 }, (_, index) => socket(String(index)));
    const walks = [
      ...[Set.prototype, Map.prototype].flatMap((prototype) => [
        jest.spyOn(prototype, Symbol.iterator as never),
        jest.spyOn(prototype as Set<unknown>, 'forEach'),
        jest.spyOn(prototype as Set<unknown>, 'values'),
      ]),
      ...(['indexOf', 'includes', 'filter', 'find', 'findIndex', 'splice'] as const).map((name) =>
        jest.spyOn(Array.prototype, name),
      ),
    ];
    let steps: number[];
    try {
      for (const each of sockets) state.add('1', each);
      for (const each of sockets) state.remove('1', each);
    } finally {
      steps = walks.map((walk) => walk.mock.calls.length);
      for (const walk of walks) walk.mockRestore();
    }
    expect(steps).toEqual(walks.map(() => 0));
    expect(state.socketCount).toBe(0);
  });

  it('has no limit of sockets for a user', () => {
    const state = new SocketStateService();
    const count = 200_000;
    for (let index = 0; index < count; index++) state.add('device-farm', socket(String(index)));
    expect(state.getAll().length).toBe(count);
    expect(state.get('device-farm').length).toBe(count);
  });
});
