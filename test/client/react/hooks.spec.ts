import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createElement, StrictMode, type ReactNode } from 'react';
import { act, create, type ReactTestRenderer } from 'react-test-renderer';
import {
  PropagatorProvider,
  useEvent,
  usePresence,
  useSocket,
  useStatus,
} from '../../../client/react/index.js';
import { connect, type ClientSocket } from '../../../client/src/index.js';
import { until } from '../../support/until.js';
import { PlainServer } from '../support/plain-server.js';

const seen: string[] = [];

/** Shows the status, and notes each event with the prefix of the last render. */
function Probe({ prefix, namespace }: { prefix: string; namespace: string }): ReactNode {
  const socket = useSocket(namespace);
  useEvent(namespace, 'news', (text: string) => seen.push(`${prefix} ${text}`));
  return `${useStatus(namespace).state} ${String(socket === useSocket(namespace))}`;
}

function Friends({ userIds }: { userIds: string[] }): ReactNode {
  const presence = usePresence(userIds);
  const textOf = (userId: string): string => {
    const { online = false, status } = presence.get(userId) ?? {};
    return presence.has(userId) ? (status ?? (online ? 'online' : 'offline')) : 'unknown';
  };
  return userIds.map((userId) => `${userId}: ${textOf(userId)}`).join(', ');
}

describe('the hooks, in strict mode', () => {
  let server: PlainServer;
  let socket: ClientSocket;
  let rendered: ReactTestRenderer | undefined;
  let connections = 0;
  beforeEach(async () => {
    // React says that its test renderer is deprecated.
    jest.spyOn(console, 'error').mockImplementation(() => undefined);
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
    seen.length = 0;
    connections = 0;
    server = await PlainServer.start();
    for (const namespace of ['/', '/chat']) {
      server.io.of(namespace).on('connection', (client) => {
        connections += 1;
        client.emit('news', 'first');
      });
    }
    socket = connect(server.url, {
      transports: ['websocket'],
      autoConnect: false,
      reconnectionDelay: 10,
    });
  });
  afterEach(async () => {
    await act(async () => rendered?.unmount());
    rendered = undefined;
    socket.end();
    await server.close();
    jest.restoreAllMocks();
  });

  const render = async (prefix: string): Promise<void> => {
    const tree = createElement(
      StrictMode,
      null,
      createElement(
        PropagatorProvider,
        { socket },
        createElement(Probe, { prefix, namespace: '/' }),
        createElement(Probe, { prefix, namespace: '/chat' }),
      ),
    );
    await act(async () => {
      if (rendered === undefined) rendered = create(tree);
      else rendered.update(tree);
    });
  };

  const showFriends = async (...userIds: string[]): Promise<void> => {
    const friends = userIds.map((userId, key) =>
      createElement(Friends, { userIds: [userId, 'all'], key }),
    );
    const tree = createElement(
      StrictMode,
      null,
      createElement(PropagatorProvider, { socket }, friends),
    );
    await act(async () => {
      if (rendered === undefined) rendered = create(tree);
      else rendered.update(tree);
    });
  };

  const untilShown = (...texts: string[]): Promise<void> =>
    until(
      async () => {
        await act(async () => undefined);
        return JSON.stringify(rendered?.toJSON()) === JSON.stringify(texts);
      },
      () => `${texts.join(' and ')}, and not ${JSON.stringify(rendered?.toJSON())}`,
    );

  it('connect each namespace once, hear the first event once, and call the listener of the last render', async () => {
    await render('one');
    await untilShown('connected true', 'connected true');
    expect(connections).toBe(2);
    expect(seen).toEqual(['one first', 'one first']);
    await render('two');
    server.io.emit('news', 'second');
    await until(
      () => seen.length === 3,
      () => 'the second event',
    );
    expect(seen[2]).toBe('two second');
  });

  it('show a lost connection, and disconnect when they are unmounted, without listeners left', async () => {
    await render('one');
    await untilShown('connected true', 'connected true');
    server.dropClients();
    await until(
      () => connections === 4,
      () => 'the second connections',
    );
    await untilShown('connected true', 'connected true');
    await act(async () => rendered?.unmount());
    rendered = undefined;
    expect(socket.status.get().state).toBe('closed');
    expect(socket.of('/chat').status.get().state).toBe('closed');
    expect([socket, socket.of('/chat')].flatMap((one) => one.listeners('news'))).toEqual([]);
    await until(
      () => server.io.engine.clientsCount === 0,
      () => 'the clients to be gone',
    );
  });

  it('watch the presence of the users that are shown, in one request for all components', async () => {
    const requests: unknown[] = [];
    server.io.on('connection', (client) =>
      client.on('propagator:watch', (userIds: string[], ack) => {
        requests.push(userIds);
        ack({
          ok: true,
          users: userIds.map((userId) => ({ userId, online: false, status: null })),
        });
      }),
    );
    const untilTold = (count: number): Promise<void> =>
      until(
        () => requests.length === count,
        () => `${count} requests, and not ${JSON.stringify(requests)}`,
      );
    await showFriends('alice', 'bob');
    await untilShown('alice: offline, all: offline', 'bob: offline, all: offline');
    expect(requests).toEqual([['alice', 'all', 'bob']]);
    server.io.emit('propagator:presence', {
      users: [{ userId: 'all', online: true, status: 'away' }],
    });
    await untilShown('alice: offline, all: away', 'bob: offline, all: away');
    await showFriends('bob', 'alice');
    await showFriends('bob');
    await untilTold(2);
    expect(requests[1]).toEqual(['all', 'bob']);
    // The server forgets a socket that has left.
    server.dropClients();
    await untilTold(3);
    expect(requests[2]).toEqual(['all', 'bob']);
    await showFriends();
    await untilTold(4);
    expect(requests[3]).toEqual([]);
    await until(
      () => socket.listeners('propagator:presence').length === 0,
      () => 'no listener',
    );
  });
});
