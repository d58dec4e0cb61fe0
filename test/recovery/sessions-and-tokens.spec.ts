import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { NUMBERED, type ReturningClient } from '../support/returning-client.js';
import { SessionGateway, sessionsOf } from '../support/session-gateways.js';
import { StandingClock } from '../support/standing-clock.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

describe('a client that comes back to another instance', () => {
  let stage: MovingUsers;
  afterEach(async () => {
    jest.restoreAllMocks();
    await stage.close();
  });

  const start = async (revocationMs = 0): Promise<void> => {
    stage = await MovingUsers.start({
      providers: [SessionGateway],
      options: { auth: { ...JSON_TOKENS, revocationMs } },
    });
  };
  const connect = (claims: { sid?: string; expiresAt?: number } = {}): Promise<ReturningClient> =>
    stage.connect('alice', 0, {
      socket: { auth: { token: tokenFor({ userId: 'alice', ...claims }) } },
    });
  const sendToAlice = (...numbers: number[]) => stage.send('alice', ...numbers);
  const revoke = {
    user: () => sessionsOf(stage.cluster.instance(1)).revokeUser('alice'),
    session: () => sessionsOf(stage.cluster.instance(1)).revokeSession('one'),
    'all other sessions': () =>
      sessionsOf(stage.cluster.instance(1)).revokeUser('alice', { exceptSessionId: 'two' }),
  };

  it.each(['user', 'session', 'all other sessions'] as const)(
    'gets no session back if its %s was revoked, also once tokens are accepted again',
    async (what) => {
      await start();
      const client = await connect({ sid: 'one' });
      const { id } = client.socket;
      await sendToAlice(1);
      await stage.settled(client);

      await stage.move(client, 1, async () => {
        await sendToAlice(2, 3);
        expect(await revoke[what]()).toMatchObject({ count: 0, complete: true });
      });
      await sendToAlice(4);

      expect(await stage.settled(client)).toEqual([1, 4]);
      expect(client.connections).toEqual([false, false]);
      expect(client.socket.id).not.toBe(id);
      expect(stage.cluster.instance(1).counts).toEqual({ 'recovery.unknown-session': 1 });
    },
  );

  it('gets its session back if another one was revoked', async () => {
    await start();
    const client = await connect({ sid: 'two' });
    await stage.move(client, 1, async () => {
      await sendToAlice(1, 2);
      await revoke.session();
      await revoke['all other sessions']();
    });

    expect(await stage.settled(client)).toEqual([1, 2]);
    expect(client.connections).toEqual([false, true]);
  });

  it('gets no event for its earlier session after a new login, also if its instance has ended meanwhile', async () => {
    await start();
    const client = await connect({ sid: 'one' });
    await sendToAlice(1);
    await stage.settled(client);
    const next = stage.cluster.instance(1);
    const toSession = (sessionId: string, number: number) =>
      next.propagator.emitToUser({
        userId: 'alice',
        sessionId,
        event: NUMBERED,
        data: ['session', number],
      });

    await stage.move(client, 1, async () => {
      await toSession('one', 2);
      await sendToAlice(3);
      await stage.cluster.instance(0).app.close();
      client.socket.auth = { token: tokenFor({ userId: 'alice', sid: 'two' }) };
    });
    await toSession('one', 4);
    await toSession('two', 5);

    await until(
      () => client.received.some(([, number]) => number === 5),
      () => 'the last event',
    );
    expect(client.connections).toEqual([false, true]);
    const numbers = client.received.map(([, number]) => number);
    expect(numbers.filter((number) => number > 0)).toEqual([1, 3, 5]);
  });

  it('is refused while its revocation lasts', async () => {
    await start(600_000);
    const client = await connect({ sid: 'one' });
    const code = refused(client);
    await stage.away(client, 1, async () => {
      await sendToAlice(1);
      await revoke.user();
    });

    expect(await code).toBe('auth.revoked');
    expect(client.received).toEqual([]);
    expect(stage.cluster.instance(1).counts).toEqual({ 'auth.revoked': 1 });
  });

  it('is refused with a token that expired while it was away, and gets no event; with a new one it has its session until that expires', async () => {
    const clock = new StandingClock();
    await start();
    const client = await connect({ sid: 'one', expiresAt: clock.second(10) });
    const code = refused(client);
    await stage.away(client, 1, async () => {
      await sendToAlice(1);
      clock.to(clock.second(11));
    });
    expect(await code).toBe('auth.token-expired');
    expect(client.received).toEqual([]);

    const expiresAt = clock.second(100);
    client.socket.auth = { token: tokenFor({ userId: 'alice', sid: 'one', expiresAt }) };
    client.socket.connect();
    await client.connected(2);
    expect(await stage.settled(client)).toEqual([1]);
    expect(client.connections).toEqual([false, true]);

    const ended = new Promise((resolve) => client.socket.once('disconnect', resolve));
    clock.to(expiresAt - 1);
    await stage.settled(client);
    expect(client.socket.connected).toBe(true);
    clock.to(expiresAt);
    expect(await ended).toBe('io server disconnect');
    // The login has ended for good: there is no session to come back to.
    await until(
      () => stage.recovery(1).sessions.size === 0,
      () => 'the end of the session',
    );
    expect(stage.recovery(0).sessions.size).toBe(0);
  });

  it('gets a new connection after its token has expired, which is no warning in the log', async () => {
    const clock = new StandingClock();
    await start();
    const expire = async (user: string, expiresAt: number): Promise<void> => {
      const client = await stage.connect(user, 0, {
        socket: { auth: { token: tokenFor({ userId: user, expiresAt }) } },
      });
      const ended = new Promise((resolve) => client.socket.once('disconnect', resolve));
      clock.to(expiresAt);
      await ended;
      client.socket.auth = { token: tokenFor({ userId: user }) };
      client.socket.connect();
      await client.connected(2);
      expect(client.connections).toEqual([false, false]);
    };
    await expire('alice', clock.second(100));
    await expire('bob', clock.second(200));

    const { counts } = stage.cluster.instance(0);
    expect(counts['recovery.unknown-session']).toBe(2);
    expect(stage.cluster.logger.matching(/recovery\./)).toEqual([
      expect.stringMatching(/^log recovery\.unknown-session: .* \(an expired token, /),
    ]);
    expect(stage.cluster.logger.matching(/^warn recovery/)).toEqual([]);
  });
});

/** The code with which a client is refused, once it is. */
function refused(client: ReturningClient): Promise<unknown> {
  return new Promise((resolve) => {
    client.socket.on('connect_error', (error) => {
      const { data } = error as Error & { data?: { code?: unknown } };
      // The balancer refuses connections, too.
      if (data !== undefined) resolve(data.code);
    });
  });
}
