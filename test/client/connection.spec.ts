import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { TokenRequest } from '../../client/src/index.js';
import { SocketStateService, type AuthenticatedSocket, type AuthOptions } from '../../src/index.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients, newsOf, statesOf, untilState } from './support/clients.js';

@WebSocketGateway()
class RootGateway {
  @SubscribeMessage('whoami')
  whoAmI({ auth }: AuthenticatedSocket): unknown {
    return auth && { ...auth };
  }
}

@WebSocketGateway({ namespace: '/chat' })
class ChatGateway {}

const tokenOfAlice = (): string => tokenFor({ userId: 'alice' });

/** Options of a client that would wait longer than a test before it connects again by itself. */
const HOUR_OF_DELAY = { reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000 };

describe('the client, with instances of the library', () => {
  const clients = new Clients();
  let cluster: TestCluster | undefined;
  afterEach(async () => {
    clients.close();
    await cluster?.close();
    jest.restoreAllMocks();
  });

  const start = async (size: number, auth: Partial<AuthOptions> = {}): Promise<TestCluster> => {
    cluster = await givenCluster()
      .of(size)
      .with(RootGateway, ChatGateway)
      .configured({ auth: { required: true, ...JSON_TOKENS, ...auth } })
      .start();
    return cluster;
  };

  it('asks for a token once for all namespaces of a connection, and is typed and emits as ever', async () => {
    const { instances } = await start(1);
    const asked: TokenRequest[] = [];
    const socket = clients.connect(instances[0]!.url, {
      getToken: (request) => {
        asked.push(request);
        return tokenFor({ userId: 'alice' });
      },
    });
    const chat = socket.of('/chat');
    expect(socket.of('/chat')).toBe(chat);
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
    expect(asked).toEqual([{ reason: 'connect' }]);
    await expect(socket.emitWithAck('whoami')).resolves.toMatchObject({ userId: 'alice' });
  });

  it('renews a token that is about to expire once for all namespaces, on the same connection', async () => {
    const { instances } = await start(1, { expiryWarningMs: 60_000 });
    const reasons: string[] = [];
    let renewals = 0;
    const socket = clients.connect(instances[0]!.url, {
      getToken: ({ reason }) => {
        reasons.push(reason);
        if (reason !== 'connect') renewals += 1;
        const expiresAt = Date.now() + (renewals === 0 ? 30_000 : 3_600_000);
        return tokenFor({ userId: 'alice', expiresAt, renewals });
      },
    });
    const chat = socket.of('/chat');
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
    const { id } = socket;
    await until(
      async () => {
        const { renewals: known } = (await socket.emitWithAck('whoami')) as { renewals: number };
        return known === 1;
      },
      () => 'the new identity',
    );
    expect(socket.id).toBe(id);
    expect(reasons).toEqual(['connect', 'expiring']);
  });

  it('asks again if it was given the token that is about to expire', async () => {
    const { instances } = await start(1, { expiryWarningMs: 60_000 });
    const old = tokenFor({ userId: 'alice', expiresAt: Date.now() + 30_000 });
    const reasons: string[] = [];
    const socket = clients.connect(instances[0]!.url, {
      getToken: ({ reason }) => {
        reasons.push(reason);
        // Return the same token again, like a server that is asked twice within one second.
        if (reasons.length < 3) return old;
        return tokenFor({ userId: 'alice', expiresAt: Date.now() + 3_600_000, renewals: 1 });
      },
    });
    await until(
      async () => ((await socket.emitWithAck('whoami')) as { renewals?: number }).renewals === 1,
      () => 'the new identity',
    );
    expect(reasons).toEqual(['connect', 'expiring', 'expiring']);
  });

  it('gets a new token after a refusal, and does not send a refused one again', async () => {
    const given: string[] = [];
    const { instances } = await start(1, {
      authenticate: (token) => {
        given.push(token);
        return token === 'bad' ? null : { userId: token };
      },
    });
    const requests: TokenRequest[] = [];
    const tokens = ['bad', 'alice'];
    const socket = clients.connect(instances[0]!.url, {
      getToken: (request) => {
        requests.push(request);
        return tokens[requests.length - 1];
      },
    });
    await untilState(socket, 'connected');
    expect(requests).toEqual([
      { reason: 'connect' },
      { reason: 'refused', code: 'auth.token-rejected' },
    ]);
    expect(given).toEqual(['bad', 'alice']);

    const other = clients.connect(instances[0]!.url, { getToken: () => 'bad' });
    await untilState(other, 'refused');
    expect(other.status.get()).toMatchObject({ reason: 'auth.token-rejected' });
    expect(given).toEqual(['bad', 'alice', 'bad']);
  });

  it('is refused for good without a user, and connects once connect() is called with one', async () => {
    const { instances } = await start(1);
    let user: string | null = null;
    const socket = clients.connect(instances[0]!.url, {
      getToken: () => (user === null ? null : tokenFor({ userId: user })),
    });
    await untilState(socket, 'refused');
    expect(socket.status.get().reason).toBe('auth.token-missing');
    user = 'alice';
    socket.connect();
    await untilState(socket, 'connected');
  });

  it('tries again after an error of getToken, which never reaches the page', async () => {
    const { instances } = await start(1);
    let calls = 0;
    const socket = clients.connect(instances[0]!.url, {
      getToken: () => {
        calls += 1;
        if (calls < 3) throw new Error('offline');
        return tokenFor({ userId: 'alice' });
      },
    });
    await untilState(socket, 'connected');
    expect(calls).toBe(3);
  });

  it('waits for retryAfterMs with the same token', async () => {
    const { instances } = await start(1, { handshakesPerSecond: 1 });
    const token = tokenFor({ userId: 'alice' });
    const sockets = [1, 2, 3].map(() =>
      clients.connect(instances[0]!.url, { getToken: () => token }),
    );
    await Promise.all(sockets.map((socket) => untilState(socket, 'connected')));
    expect(sockets.every(({ connected }) => connected)).toBe(true);
  });

  it('moves to another instance after the hint of a drain, and says that the state has to be loaded', async () => {
    const { instances } = await start(2);
    let url = instances[0]!.url;
    // The hint of the server counts, not the delay.
    const socket = clients.connect(() => url, { getToken: tokenOfAlice, ...HOUR_OF_DELAY });
    const chat = socket.of('/chat');
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
    const news = newsOf(socket);
    const states = statesOf(socket);
    url = instances[1]!.url;
    await instances[0]!.close();
    await Promise.all([untilState(socket, 'connected'), untilState(chat, 'connected')]);
    expect(states).toEqual(['connected', 'waiting (server.draining)', 'connecting', 'connected']);
    expect(news).toEqual(['reload']);
  });

  it('stays away once another socket has taken its place, or the app has disconnected it', async () => {
    const { instances } = await start(1, { maxSocketsPerUser: 1 });
    const first = clients.connect(instances[0]!.url, { getToken: tokenOfAlice });
    await untilState(first, 'connected');
    const second = clients.connect(instances[0]!.url, { getToken: tokenOfAlice });
    await untilState(second, 'connected');
    await untilState(first, 'refused');
    expect(first.status.get().reason).toBe('auth.too-many-sockets');
    await instances[0]!.propagator.disconnectUser('alice', { reason: 'banned' });
    await untilState(second, 'refused');
    expect(second.status.get().reason).toBe('banned');
  });

  it('moves at once when it is told to', async () => {
    const { instances } = await start(2);
    let url = instances[0]!.url;
    const socket = clients.connect(() => url, { getToken: tokenOfAlice, ...HOUR_OF_DELAY });
    await untilState(socket, 'connected');
    const { id } = socket;
    url = instances[1]!.url;
    socket.reconnect();
    await until(
      () => socket.connected && socket.id !== id,
      () => 'the new connection',
    );
    await until(
      () => instances[0]!.app.get(SocketStateService).socketCount === 0,
      () => 'the first instance to be left',
    );
    expect(instances[1]!.app.get(SocketStateService).socketCount).toBe(1);
  });
});
