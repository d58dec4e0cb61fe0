import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Server, ServerOptions } from 'socket.io';
import type { AuthenticatedSocket } from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf } from '../../support/members.js';
import { eventsOf, inAnyOrder } from '../../support/events-of.js';
import { jsonParser } from '../../support/json-parser.js';
import { ExternalClient } from '../../support/external-client.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { quietPort } from '../../../scripts/redis/topologies/ports.mjs';
import { TestClient, type ConnectOptions } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

type Acknowledge = (answer: unknown) => void;

interface GatewayWithServer {
  server: Server;
}

/** A gateway with its own port, which Nest needs at class definition. */
function gatewayOn(port: number, options: Partial<ServerOptions>): new () => GatewayWithServer {
  @WebSocketGateway(port, options)
  class OwnPortGateway {
    @WebSocketServer() readonly server!: Server;

    @SubscribeMessage('join')
    async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
      await client.join(room);
      return true;
    }
  }
  return OwnPortGateway;
}

describe('two servers of one instance', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  let onOwnPort: TestClient;
  let onAppPort: TestClient;
  /** The server on the other port of the first instance. */
  let ownServer: Server;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    onOwnPort.close();
    external.close();
    await cluster.close();
  });

  /** A client on each port of the first instance, and a second instance with one server. */
  const start = async (options: Partial<ServerOptions> = {}, client: ConnectOptions = {}) => {
    const port = await quietPort();
    const OwnPortGateway = gatewayOn(port, options);
    cluster = await givenCluster().of(2).with(PlainGateway).withOnFirst(OwnPortGateway).start();
    await untilMembersKnown(cluster);
    ownServer = cluster.instance(0).app.get(OwnPortGateway).server;
    onAppPort = await cluster.instance(0).connect({ token: 'alice' });
    onOwnPort = await TestClient.connect(`http://127.0.0.1:${port}`, { token: 'alice', ...client });
  };

  it('share the channel of a room until both have left it', async () => {
    await start();
    const channel = cluster.channel('room:lobby');
    const subscribers = async (): Promise<unknown> =>
      (await external.redis.pubsub('NUMSUB', channel))[1];

    await onAppPort.ask('join', 'lobby');
    await onOwnPort.ask('join', 'lobby');
    expect(await subscribers()).toBe(1);
    serverOf(cluster, 1).to('lobby').emit('x', 'both');
    await Promise.all([onAppPort, onOwnPort].map((client) => client.waitFor('x')));
    serverOf(cluster, 0).to('lobby').emit('x', 'both again');
    await cluster.settled(onAppPort, onOwnPort);

    await onAppPort.ask('leave', 'lobby');
    expect(await external.publish(channel, { event: 'x', data: 'one' })).toBe(1);
    await onOwnPort.waitFor('x', 3);
    onOwnPort.close();
    await until(
      async () => (await subscribers()) === 0,
      () => 'the channel to be given back',
    );

    await cluster.settled(onAppPort);
    expect(onAppPort.data('x')).toEqual(['both', 'both again']);
    expect(onOwnPort.data('x')).toEqual(['both', 'both again', 'one']);
  });

  it('both answer for their sockets', async () => {
    await start();
    for (const client of [onAppPort, onOwnPort]) {
      client.socket.on('question', (answer: Acknowledge) => answer(client.id));
    }
    const ids = inAnyOrder([onAppPort.id, onOwnPort.id]);
    const far = serverOf(cluster, 1);

    expect(inAnyOrder((await far.fetchSockets()).map(({ id }) => id))).toEqual(ids);
    expect(inAnyOrder((await ownServer.fetchSockets()).map(({ id }) => id))).toEqual(ids);
    expect(inAnyOrder(await far.timeout(PATIENCE_MS).emitWithAck('question'))).toEqual(ids);
    expect(inAnyOrder(await ownServer.timeout(PATIENCE_MS).emitWithAck('question'))).toEqual(ids);
    expect(await cluster.instance(1).propagator.joinUser('alice', 'lobby')).toMatchObject({
      count: 2,
    });
    expect(await cluster.instance(0).propagator.disconnectUser('alice')).toMatchObject({
      count: 2,
    });
  });

  it('receive the serverSideEmit of one another, and those of other instances', async () => {
    await start();
    const heard: string[] = [];
    for (const [name, server] of Object.entries({ app: serverOf(cluster, 0), own: ownServer })) {
      server.on('hello', (from: string) => heard.push(`${name}: ${from}`));
      server.on('ask', (answer: Acknowledge) => answer(name));
    }
    const far = serverOf(cluster, 1);
    far.on('ask', (answer: Acknowledge) => answer('far'));

    ownServer.serverSideEmit('hello', 'own');
    far.serverSideEmit('hello', 'far');
    expect(inAnyOrder(await ownServer.serverSideEmitWithAck('ask'))).toEqual(['app', 'far']);
    expect(inAnyOrder(await far.serverSideEmitWithAck('ask'))).toEqual(['app', 'own']);

    expect(inAnyOrder(heard)).toEqual(['app: far', 'app: own', 'own: far']);
  });

  it('each receive it if a listener of the other throws', async () => {
    await start();
    serverOf(cluster, 0).on('ask', () => {
      throw new Error('a listener of the app');
    });
    ownServer.on('ask', (answer: Acknowledge) => answer('own'));

    const [error, answers] = await new Promise<[Error | null, unknown[]]>((resolve) => {
      serverOf(cluster, 1).serverSideEmit('ask', (...outcome: [Error | null, unknown[]]) =>
        resolve(outcome),
      );
    });

    expect(error?.message).toContain(instanceIdOf(cluster.instance(0)));
    expect(answers).toEqual(['own']);
  });

  it('may have different parsers, and each client gets events that it can read', async () => {
    await start({ parser: jsonParser }, { parser: jsonParser });
    const both = [onAppPort, onOwnPort];

    serverOf(cluster, 0).emit('of the app’s port', 1);
    ownServer.emit('of its own port', 2);
    serverOf(cluster, 1).emit('of another instance', 3);
    await external.publish(cluster.channel('all'), { event: 'from outside', data: 4 });

    await Promise.all(both.map((client) => client.waitFor('from outside')));
    await cluster.instance(0).served(...both);
    for (const client of both) {
      expect(inAnyOrder(eventsOf(client))).toEqual([
        'from outside',
        'of another instance',
        'of its own port',
        'of the app’s port',
      ]);
    }
  });
});
