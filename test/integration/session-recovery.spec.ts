import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Identity } from '../../src/index.js';
import { untilMembersKnown } from '../support/members.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { reconnect, loseConnection } from '../support/lost-connections.js';
import { SessionGateway, sessionsOf } from '../support/session-gateways.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const alice = (claims: Partial<Identity> = {}): string => tokenFor({ userId: 'alice', ...claims });
const missed = (client: TestClient): string[] =>
  client.events.filter((event) => event !== 'first').sort();

describe('connection state recovery and sessions', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await givenCluster()
      .of(2)
      .with(SessionGateway)
      .configured({ auth: JSON_TOKENS, recovery: {} })
      .start();
    await untilMembersKnown(cluster);
  });
  afterEach(() => cluster.close());

  /** A client can only recover after it has received an event. */
  const connect = async (token: string): Promise<TestClient> => {
    const client = await cluster.instance(0).connect({ token });
    await cluster.instance(0).propagator.emitToAll({ event: 'first' });
    await client.waitFor('first');
    return client;
  };
  /** Sent from both instances while the client is disconnected. */
  const sendTo = async (sessionId: string): Promise<void> => {
    for (const [index, { propagator }] of cluster.instances.entries()) {
      const to = (userId: string, event: string, more: object) =>
        propagator.emitToUser({ userId, event: `${event} ${index}`, ...more });
      await to('alice', 'session', { sessionId });
      await to('alice', 'user', {});
      await to('alice', 'others', { exceptSessionId: sessionId });
      await to('bob', 'bob', { sessionId });
      await propagator.emitToAuthenticated({ event: `not ${index}`, exceptSessionId: sessionId });
    }
  };

  it('a client keeps the session of its connection, and gets the events for it', async () => {
    const client = await connect(alice());
    const session = (await client.ask('which session')) as string;
    // Bob, who has the same session id in the names of rooms, gets nothing.
    await cluster.instance(0).connect({ token: tokenFor({ userId: 'bob', sid: session }) });

    await loseConnection(client, cluster.instance(0));
    await sendTo(session);
    await sessionsOf(cluster.instance(1)).sessions('alice');
    await reconnect(client);

    expect(client.socket.recovered).toBe(true);
    expect(await client.ask('which session')).toBe(session);
    await cluster.settled(client);
    expect(missed(client)).toEqual(['session 0', 'session 1', 'user 0', 'user 1']);
    await cluster.instance(1).propagator.emitToUser({
      userId: 'alice',
      sessionId: session,
      event: 'after',
    });
    await client.waitFor('after');
  });

  it('a client that reconnects in another session gets events for its user, and none for the old session', async () => {
    const client = await connect(alice({ sid: 'one' }));

    await loseConnection(client, cluster.instance(0));
    await sendTo('one');
    await sessionsOf(cluster.instance(1)).sessions('alice');
    client.socket.auth = { token: alice({ sid: 'two' }) };
    await reconnect(client);

    expect(client.socket.recovered).toBe(true);
    expect(await client.ask('which session')).toBe('two');
    await cluster.settled(client);
    expect(missed(client)).toEqual(['user 0', 'user 1']);
  });

  it('a client that was revoked while it was disconnected is refused', async () => {
    const client = await connect(alice());
    const session = (await client.ask('which session')) as string;

    await loseConnection(client, cluster.instance(0));
    await sendTo(session);
    expect(await sessionsOf(cluster.instance(1)).revokeSession(session)).toMatchObject({
      count: 0,
      complete: true,
    });

    await expect(reconnect(client)).rejects.toMatchObject({ data: { code: 'auth.revoked' } });
    expect(missed(client)).toEqual([]);
    expect(cluster.instance(0).counts).toEqual({ 'auth.revoked': 1 });
  });
});
