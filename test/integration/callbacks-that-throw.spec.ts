import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Observable } from 'rxjs';
import type { Server } from 'socket.io';
import { SocketStateAdapter } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

let opened = 0;

@WebSocketGateway()
class FailingGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('stream')
  stream(): Observable<never> {
    opened++;
    return new Observable(() => () => {
      throw new Error('the database is closed already');
    });
  }

  @SubscribeMessage('ping')
  ping(): string {
    return 'pong';
  }
}

class FailingAdapter extends SocketStateAdapter {
  override mapPayload(payload: unknown): ReturnType<SocketStateAdapter['mapPayload']> {
    if (Array.isArray(payload) && payload[0] === 'unmappable') throw new Error('what is this?');
    return super.mapPayload(payload);
  }
}

describe("an error of an app's callback that nothing would catch", () => {
  let cluster: TestCluster;
  const uncaught: unknown[] = [];
  const caught = (error: unknown): void => void uncaught.push(error);

  beforeEach(async () => {
    opened = 0;
    process.on('uncaughtException', caught);
    process.on('unhandledRejection', caught);
    cluster = await givenCluster()
      .of(2)
      .with(FailingGateway)
      .onInMemoryPubSub()
      .prepared((app) => app.useWebSocketAdapter(new FailingAdapter(app)))
      .start();
  });
  afterEach(async () => {
    await cluster.close();
    process.off('uncaughtException', caught);
    process.off('unhandledRejection', caught);
    uncaught.length = 0;
  });

  const counted = (kind: string, count: number): Promise<void> =>
    until(
      () => cluster.instance(0).counts[kind] === count,
      () => `${count} x ${kind}, got ${JSON.stringify(cluster.instance(0).counts)}`,
    );
  const stillServes = async (): Promise<void> => {
    const client = await cluster.instance(0).connect({ token: 'bob' });
    expect(await client.ask('ping', 1)).toBe('pong');
    expect(uncaught).toEqual([]);
  };
  const server = (): Server => cluster.instance(0).app.get(FailingGateway).server;

  it('in the teardown of an Observable, when its client leaves: all are unsubscribed, and each error is reported', async () => {
    const client = await cluster.instance(0).connect({ token: 'alice' });
    client.socket.emit('stream');
    client.socket.emit('stream');
    await until(
      () => opened === 2,
      () => 'two streams',
    );
    client.socket.disconnect();
    await counted('handler.failed', 2);
    expect(opened).toBe(2);
    await stillServes();
  });

  it('in mapPayload of an adapter: the client gets the error', async () => {
    const client = await cluster.instance(0).connect({ token: 'alice' });
    expect(await client.ask('ping', 'unmappable')).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    await counted('handler.failed', 1);
    await stillServes();
  });

  it('in the callback for the replies to serverSideEmit', async () => {
    let answered = 0;
    const other = cluster.instance(1).app.get(FailingGateway).server;
    other.on('between' as never, ((answer: (text: string) => void) => answer('yes')) as never);
    server().serverSideEmit('between', () => {
      answered++;
      throw new Error('no');
    });
    await counted('listener.failed', 1);
    expect(answered).toBe(1);
    await stillServes();
  });

  it('in the callback for the failure of serverSideEmit or of a broadcast that cannot be sent', async () => {
    const told: string[] = [];
    const fails = (error: Error): never => {
      told.push(error.name);
      throw new Error('no');
    };
    server().serverSideEmit('between', 1n, fails);
    server().emit('question', 1n, fails);
    await counted('listener.failed', 2);
    expect(told).toHaveLength(2);
    await stillServes();
  });
});
