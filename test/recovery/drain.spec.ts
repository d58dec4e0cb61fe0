import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { HandOver } from '../../src/recovery/hand-over.js';
import { Deferred } from '../support/deferred.js';
import { until } from '../support/until.js';
import { MovingClients, nothingMissed, type Moves } from './support/moving-clients.js';
import { MovingUsers } from './support/moving-user.js';

/** An instance that did not wait for the reply would have ended by then. */
const LONG_ENOUGH_TO_END_MS = 1_000;

describe('an instance that ends', () => {
  let stage: MovingClients | MovingUsers | undefined;
  afterEach(async () => {
    jest.restoreAllMocks();
    await stage?.close();
  });

  it.each([1, 300])(
    'gives its sessions away: clients that come back after %s ms, while it does so or later, miss nothing',
    async (awayMs) => {
      const clients = await MovingClients.start({
        shutdown: { drainMs: 1_000, clientsPerSecond: 100 },
      });
      stage = clients;
      let closed: Promise<void> | undefined;
      const moves: Moves = {
        clients: 20,
        rounds: 1,
        awayMs,
        first: 0,
        senders: [1, 2],
        lose: ({ cluster }) => (closed ??= cluster.instance(0).app.close()),
      };

      const judgement = await clients.play(moves);

      // On a busy machine a hand-over may take too long: it ends with a new connection, which is counted. No other reason counts.
      const silent = clients.cluster.instances.reduce(
        (sum, { counts }) => sum + (counts['recovery.old-instance-silent'] ?? 0),
        0,
      );
      const { delivered, recovered } = judgement;
      expect(recovered).toBeGreaterThan(0);
      expect({ ...judgement, recovered: recovered + silent }).toEqual({
        ...nothingMissed(judgement, moves),
        ...(silent > 0 && { delivered }),
      });
    },
  );

  it('first replies to an instance that is taking a session, so that its client misses nothing', async () => {
    const users = await MovingUsers.start();
    stage = users;
    const alice = await users.connect('alice');
    await users.send('alice', 0);
    await users.settled(alice);
    const taken = new Deferred();
    const mayReply = new Deferred();
    const holder = users.recovery(0) as unknown as { release(asked: unknown): Promise<unknown> };
    const release = holder.release.bind(holder);
    jest.spyOn(holder, 'release').mockImplementation(async (asked) => {
      const sessions = await release(asked);
      taken.resolve();
      await mayReply.promise;
      return sessions;
    });

    const back = users.move(alice, 1, () => users.send('alice', 1, 2));
    await taken.promise;
    const closed = users.cluster.instance(0).app.close();
    setTimeout(() => mayReply.resolve(), LONG_ENOUGH_TO_END_MS);
    await Promise.all([back, closed]);

    expect(alice.connections).toEqual([false, true]);
    await until(
      () => alice.received.length >= 3,
      () => 'the missed events',
    );
    expect(alice.received.flatMap(([, number]) => (number < 0 ? [] : [number]))).toEqual([0, 1, 2]);
  });

  it('may end before a client takes the session that another instance has taken meanwhile: the client misses nothing', async () => {
    const users = await MovingUsers.start({ size: 3 });
    stage = users;
    const alice = await users.connect('alice');
    await users.send('alice', 0);
    await users.settled(alice);
    // The other one of the two takes the session.
    const recovery = users.recovery(1) as unknown as { adopt(): Promise<unknown> };
    jest.spyOn(recovery, 'adopt').mockResolvedValue([]);
    const found = new Deferred();
    const ended = new Deferred();
    const { take } = HandOver.prototype;
    const delayed = jest.spyOn(HandOver.prototype, 'take');
    delayed.mockImplementation(async function (this: HandOver, from, question) {
      if (question.offset !== undefined) {
        found.resolve();
        await ended.promise;
      }
      return take.call(this, from, question);
    });

    const back = users.move(alice, 1, () => users.send('alice', 1, 2));
    await found.promise;
    await users.cluster.instance(0).app.close();
    ended.resolve();
    await back;

    expect(alice.connections).toEqual([false, true]);
    await until(
      () => alice.received.length >= 3,
      () => 'the missed events',
    );
    expect(alice.received.flatMap(([, number]) => (number < 0 ? [] : [number]))).toEqual([0, 1, 2]);
  });
});
