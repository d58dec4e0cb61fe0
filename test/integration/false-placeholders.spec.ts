import {
  Ack,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Server, Socket } from 'socket.io';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const FILE = Buffer.from('a file');

@WebSocketGateway()
class FileGateway {
  @WebSocketServer()
  readonly server!: Server;

  @SubscribeMessage('answer')
  answer(@MessageBody() echo: unknown): unknown {
    return { echo, file: FILE };
  }

  @SubscribeMessage('by hand')
  byHand(@MessageBody() echo: unknown, @Ack() ack: (answer: unknown) => void): void {
    ack({ echo, file: FILE });
  }

  @SubscribeMessage('event')
  event(@MessageBody() echo: unknown): WsResponse {
    return { event: 'file', data: { echo, file: FILE } };
  }

  @SubscribeMessage('emit')
  emit(@MessageBody() echo: unknown, @ConnectedSocket() socket: Socket): void {
    socket.emit('file', { echo, file: FILE });
  }

  @SubscribeMessage('to all')
  toAll(@MessageBody() echo: unknown): string {
    this.server.emit('file', { echo, file: FILE });
    return 'done';
  }
}

/** A placeholder of binary data for Socket.IO, if the packet has any. */
const places: [how: string, place: unknown][] = [
  ['of the data beside it', { _placeholder: true, num: 0 }],
  ['of data that is not there', { _placeholder: true, num: 99 }],
  ['without a number', { _placeholder: true }],
];

describe.each(places)('data that looks like a placeholder of binary data, %s', (_, place) => {
  let cluster: TestCluster;
  let alice: TestClient;
  let bob: TestClient;
  let disconnects = 0;
  beforeAll(async () => {
    cluster = await givenCluster().of(2).with(FileGateway).start();
    alice = await cluster.instance(0).connect({ token: 'alice' });
    bob = await cluster.instance(1).connect({ token: 'bob' });
    for (const { socket } of [alice, bob]) socket.on('disconnect', () => disconnects++);
  });
  afterAll(() => cluster.close());
  afterEach(async () => {
    await cluster.settled(alice, bob);
    if (disconnects > 0) throw new Error('a client was disconnected');
    for (const client of [alice, bob]) client.received.length = 0;
  });

  const serverOf = (index: number): Server => cluster.instance(index).app.get(FileGateway).server;

  it('is left out of an acknowledgement, and reported', async () => {
    const before = cluster.instance(0).counts['packet.placeholder'] ?? 0;
    const expected = { echo: { deep: [1, null] }, file: FILE };
    const deep = { deep: [1, place] };
    expect(await alice.ask('answer', deep)).toEqual(expected);
    expect(await alice.ask('by hand', deep)).toEqual(expected);
    expect(cluster.instance(0).counts['packet.placeholder']).toBe(before + 2);
    expect(cluster.logger.matching(/^warn packet\.placeholder: /).length).toBeGreaterThan(0);
  });

  it('is left out of an event for one socket', async () => {
    alice.emit('event', [place]);
    alice.emit('emit', [place]);
    await alice.waitFor('file', 2);
    const expected = { echo: [null], file: FILE };
    expect(alice.data('file')).toEqual([expected, expected]);
  });

  it('is refused in an event for many, which reaches no client', async () => {
    const before = cluster.instance(0).counts['emit.refused'] ?? 0;
    expect(await alice.ask('to all', place)).toBe('done');
    const { propagator } = cluster.instance(0);
    const data = [place, FILE];
    const refused = { code: 'event.unserialisable' };
    await expect(propagator.emitToAll({ event: 'file', data })).rejects.toMatchObject(refused);
    await expect(
      propagator.requestUser({ userId: 'bob', event: 'file', data }),
    ).rejects.toMatchObject(refused);
    await cluster.settled(alice, bob);
    expect([...alice.received, ...bob.received]).toEqual([]);
    expect(cluster.instance(0).counts['emit.refused']).toBe(before + 3);
  });

  it('passes unchanged if there is no binary data', async () => {
    await cluster.instance(0).propagator.emitToAll({ event: 'plain', data: { place } });
    await bob.waitFor('plain');
    expect(bob.data('plain')).toEqual([{ place }]);
  });

  it('passes in the reply of one client, next to a binary reply of another', async () => {
    alice.socket.once('question', (ack: (answer: unknown) => void) => ack({ place }));
    bob.socket.once('question', (ack: (answer: unknown) => void) => ack({ file: FILE }));
    const answers: unknown[] = await serverOf(0).timeout(20_000).emitWithAck('question');
    expect(answers).toHaveLength(2);
    expect(answers).toEqual(expect.arrayContaining([{ place }, { file: FILE }]));
  });

  it("spoils no other server's reply, and the result says that one is missing", async () => {
    const before = cluster.instance(1).counts['reply.failed'] ?? 0;
    serverOf(1).once('question', (ack: (answer: unknown) => void) => ack([place, FILE]));
    const outcome = await new Promise<[Error | null, unknown[]]>((resolve) => {
      serverOf(0).serverSideEmit('question', (error: Error | null, answers: unknown[]) =>
        resolve([error, answers]),
      );
    });
    expect(outcome).toEqual([expect.any(Error), []]);
    await until(
      () => cluster.instance(1).counts['reply.failed'] === before + 1,
      () => 'a report of the answer',
    );
  });
});
