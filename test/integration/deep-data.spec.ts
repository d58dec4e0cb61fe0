import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PropagatorError } from '../../src/index.js';
import { PlainGateway, serverOf } from '../support/plain-gateway.js';
import { nestedArrays } from '../support/raw-emit.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

interface Manager {
  readonly engine: { write(packet: string | Buffer): void };
  on(event: 'packet', listener: (packet: { id?: number }) => void): void;
}

const managerOf = (client: TestClient): Manager => client.socket.io;

/** A client that acknowledges every event with nested arrays, which its own encoder could not encode. */
function answeringWith(client: TestClient, json: string): void {
  const manager = managerOf(client);
  manager.on('packet', ({ id }) => {
    if (id !== undefined) manager.engine.write(`3${id}[${json}]`);
  });
}

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'sent',
    (error: PropagatorError) => error.code,
  );

describe.each([8_000, 100_000])('data nested %i arrays deep', (depth) => {
  const json = nestedArrays(depth);
  const deep = JSON.parse(json);
  let cluster: TestCluster;
  let alice: TestClient;
  let elsewhere: TestClient;
  beforeAll(async () => {
    cluster = await givenCluster()
      .with(PlainGateway)
      .configured({ requestTimeoutMs: 2_000 })
      .start();
    alice = await cluster.instance(0).connect({ token: 'alice' });
    elsewhere = await cluster.instance(1).connect({ token: 'alice' });
  });
  afterAll(() => cluster.close());

  const isWell = async (): Promise<void> => {
    expect(
      await Promise.all([alice, elsewhere].map((client) => client.ask('leave', 'a room'))),
    ).toEqual([true, true]);
    await cluster.settled(alice, elsewhere);
  };

  it('is refused by every verb with a coded error', async () => {
    const { propagator, redis } = cluster.instance(0);
    const event = { event: 'deep', data: deep };
    const found = await Promise.all([
      code(propagator.emitToUser({ ...event, userId: 'alice' })),
      code(propagator.emitToUsers({ ...event, userIds: ['alice'] })),
      code(propagator.emitToRoom({ ...event, room: 'room' })),
      code(propagator.emitToAll(event)),
      code(propagator.emitToAuthenticated(event)),
      code(propagator.propagateEvent({ ...event, userId: 'alice' })),
      code(propagator.requestUser({ ...event, userId: 'alice' })),
    ]);
    expect(new Set(found)).toEqual(new Set(['event.unserialisable']));
    // From Node 25 on JSON of any depth can be written, and is sent.
    expect(['message.unserialisable', 'sent']).toContain(
      await code(redis.publish('a channel', deep)),
    );
    await isWell();
    expect([...alice.received, ...elsewhere.received]).toEqual([]);
  });

  it("does not end the process if Socket.IO's own calls send it", async () => {
    const server = serverOf(cluster, 0);
    server.emit('deep', deep);
    server.to('room').emit('deep', deep);
    server.serverSideEmit('deep', deep);
    await isWell();
    expect([...alice.received, ...elsewhere.received]).toEqual([]);
  });

  it('does no harm in acknowledgements of clients, and the replies of the others arrive', async () => {
    const bob = await cluster.instance(1).connect({ token: 'bob' });
    const hostile = await cluster.instance(1).connect({ token: 'bob' });
    answeringWith(hostile, json);
    bob.socket.on('question', (_: unknown, ack: (answer: string) => void) => {
      // After the other reply.
      void until(
        () => (cluster.instance(1).counts['reply.failed'] ?? 0) > 0,
        () => 'the other answer to be refused',
      ).then(() => ack('well'));
    });

    const { items, complete } = await cluster
      .instance(0)
      .propagator.requestUser({ userId: 'bob', event: 'question', data: 1, timeoutMs: 5_000 });

    expect(items).toEqual([expect.objectContaining({ socketId: bob.id, answer: 'well' })]);
    // The other reply cannot be forwarded, and the result says so.
    expect(complete).toBe(false);
    await isWell();
  });

  it('does no harm in a binary event that cannot be assembled', async () => {
    const hostile = await cluster.instance(0).connect({ token: 'mallory' });
    const { engine } = managerOf(hostile);
    engine.write(`51-["leave",${json},{"_placeholder":true,"num":0}]`);
    engine.write(Buffer.from('x'));
    await isWell();
    expect([...alice.received, ...elsewhere.received]).toEqual([]);
  });
});
