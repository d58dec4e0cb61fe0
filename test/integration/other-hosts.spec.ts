import {
  Controller,
  Get,
  NotFoundException,
  Post,
  UseFilters,
  UseInterceptors,
  type INestApplication,
  type INestMicroservice,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
  type TcpClientOptions,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, of, type Observable } from 'rxjs';
import { freePort } from '../../scripts/redis/probe.mjs';
import {
  ClusterService,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
  type Receipt,
} from '../../src/index.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../support/test-cluster.js';
import { TestClient } from '../support/test-client.js';
import { connectSampleClients } from '../support/sample-clients.js';

/** An event in a gateway. In other contexts it is data like any other. */
const RESPONSE: WsResponse<string> = { event: 'response', data: 'x' };
const SERVED = { localSockets: 2, remoteInstances: 1, reached: true };

@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AskGateway {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return RESPONSE;
  }

  @SubscribeMessage('fail')
  fail(): never {
    throw new WsException('no');
  }
}

@Controller()
class OrdersController {
  constructor(private readonly propagator: RedisPropagatorService) {}

  @MessagePattern('response')
  response(): WsResponse<string> {
    return RESPONSE;
  }

  @MessagePattern('responses')
  responses(): Observable<WsResponse<string>> {
    return of(RESPONSE, RESPONSE);
  }

  @MessagePattern('tell')
  tell(@Payload() userId: string): Promise<Receipt> {
    return this.propagator.emitToUser({ userId, event: 'told' });
  }

  @MessagePattern('fail')
  fail(): never {
    throw new Error('secret');
  }

  @EventPattern('shipped')
  async shipped(@Payload() userId: string): Promise<void> {
    await this.propagator.emitToUser({ userId, event: 'shipped' });
  }

  @Get('response')
  overHttp(): WsResponse<string> {
    return RESPONSE;
  }

  @Get('missing')
  missing(): never {
    throw new NotFoundException('no such order');
  }

  @Post('tell')
  tellOverHttp(): Promise<Receipt> {
    return this.propagator.emitToUser({ userId: 'alice', event: 'told' });
  }
}

/** Enhancers for everything, as an app may bind them. Nest 11 applies them to no gateway. */
function bindEverywhere(app: INestApplication | INestMicroservice): void {
  app.useGlobalInterceptors(new RedisPropagatorInterceptor(app.get(RedisPropagatorService)));
  app.useGlobalFilters(new PropagatorExceptionFilter());
}

async function tcp(): Promise<Required<TcpClientOptions>> {
  const port = await freePort();
  return { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
}

async function overHttp(url: string, method = 'GET'): Promise<unknown> {
  const response = await fetch(url, { method });
  return { status: response.status, body: await response.json() };
}

/** The values and errors of handlers reach the caller unchanged. */
async function expectUntouchedRpc(rpc: ClientProxy): Promise<void> {
  expect(await firstValueFrom(rpc.send('response', {}))).toEqual(RESPONSE);
  const responses: unknown[] = [];
  await rpc.send('responses', {}).forEach((each) => responses.push(each));
  expect(responses).toEqual([RESPONSE, RESPONSE]);
  await expect(firstValueFrom(rpc.send('fail', {}))).rejects.toEqual({
    status: 'error',
    message: 'Internal server error',
  });
}

async function expectUntouchedHttp(url: string): Promise<void> {
  expect(await overHttp(`${url}/response`)).toEqual({ status: 200, body: RESPONSE });
  expect(await overHttp(`${url}/missing`)).toMatchObject({
    status: 404,
    body: { message: 'no such order' },
  });
}

describe('an app on another host than Express alone', () => {
  let cluster: TestCluster;
  const closing: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const each of closing.splice(0)) await each.close();
    await cluster.close();
  });

  const connectedTo = async (options: Required<TcpClientOptions>): Promise<ClientProxy> => {
    const rpc = ClientProxyFactory.create(options);
    closing.push(rpc);
    await rpc.connect();
    return rpc;
  };

  /** The gateway's response reaches the user's devices on all instances, and nobody else. */
  const expectPropagation = async (): Promise<void> => {
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    origin.emit('ask');
    expect(await origin.ask('fail')).toMatchObject({ status: 'error', message: 'no' });
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) {
      expect(client.received).toEqual([{ event: 'response', args: ['x'] }]);
    }
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
    for (const client of everybody) client.close();
  };

  it('propagates in a hybrid app, and leaves its messages and requests alone', async () => {
    const options = await tcp();
    let hybrids = 0;
    cluster = await givenCluster()
      .with(AskGateway)
      .withControllers(OrdersController)
      .prepared((app) => {
        bindEverywhere(app);
        // One of the two instances is enough: they share no port.
        if (hybrids++ === 0) app.connectMicroservice(options, { inheritAppConfig: true });
      })
      .start();
    await cluster.instance(0).app.startAllMicroservices();
    const rpc = await connectedTo(options);
    await expectPropagation();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);

    expect(await firstValueFrom(rpc.send('tell', 'alice'))).toEqual(SERVED);
    await firstValueFrom(rpc.emit('shipped', 'alice'), { defaultValue: undefined });
    await Promise.all([origin, ...others].map((client) => client.waitFor('shipped')));
    await expectUntouchedRpc(rpc);
    await expectUntouchedHttp(cluster.instance(0).url);

    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) expect(client.events).toEqual(['told', 'shipped']);
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
    expect(cluster.logger.matching(/^(?:warn|error) /)).toEqual([]);
  });

  it('propagates from a microservice without HTTP and gateways, which leaves the cluster when it closes', async () => {
    cluster = await givenCluster().with(AskGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    const options = await tcp();
    class OrdersModule {}
    const orders = await NestFactory.createMicroservice(
      {
        module: OrdersModule,
        imports: [
          RedisPropagatorModule.forRoot({
            redis: testRedisUrl(),
            prefix: cluster.prefix,
            logger: cluster.logger,
          }),
        ],
        controllers: [OrdersController],
      },
      { ...options, logger: false },
    );
    bindEverywhere(orders);
    await orders.listen();
    const rpc = await connectedTo(options);

    const remote = { localSockets: 0, remoteInstances: 2, reached: true };
    expect(await firstValueFrom(rpc.send('tell', 'alice'))).toEqual(remote);
    await firstValueFrom(rpc.emit('shipped', 'alice'), { defaultValue: undefined });
    await Promise.all([origin, ...others].map((client) => client.waitFor('shipped')));
    await expectUntouchedRpc(rpc);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) expect(client.events).toEqual(['told', 'shipped']);
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);

    const { changes$, self } = orders.get(ClusterService);
    const left = firstValueFrom(cluster.instance(0).app.get(ClusterService).changes$);
    let completed = false;
    changes$.subscribe({ complete: () => (completed = true) });
    await orders.close();
    expect(await left).toMatchObject({ type: 'left', member: { instanceId: self.instanceId } });
    expect(completed).toBe(true);
    expect(cluster.logger.matching(/^(?:warn|error) /)).toEqual([]);
  });

  it('serves gateways on their own ports in a microservice, with authentication', async () => {
    const port = await freePort();
    @UseInterceptors(RedisPropagatorInterceptor)
    @WebSocketGateway(port)
    class PortGateway {
      @SubscribeMessage('ask')
      ask(): WsResponse<string> {
        return RESPONSE;
      }
    }
    cluster = await givenCluster().of(1).with(AskGateway).start();
    class PortModule {}
    const service = await NestFactory.createMicroservice(
      {
        module: PortModule,
        imports: [
          RedisPropagatorModule.forRoot({
            redis: testRedisUrl(),
            prefix: cluster.prefix,
            logger: cluster.logger,
            auth: { required: true, authenticate: (token) => ({ userId: token }) },
          }),
        ],
        providers: [PortGateway],
      },
      { ...(await tcp()), logger: false },
    );
    closing.push(service);
    service.useWebSocketAdapter(new SocketStateAdapter(service));
    await service.listen();
    const url = `http://127.0.0.1:${port}`;
    const stranger = TestClient.open(url);
    await expect(stranger.connected()).rejects.toMatchObject({
      data: { code: 'auth.token-missing' },
    });
    const alice = await TestClient.connect(url, { token: 'alice' });
    closing.push(stranger, alice);
    const elsewhere = await cluster.instance(0).connect({ token: 'alice' });

    alice.emit('ask');

    await alice.waitFor('response');
    await elsewhere.waitFor('response');
    expect(elsewhere.received).toEqual([{ event: 'response', args: ['x'] }]);
  });

  it('propagates on Fastify, and leaves its requests alone', async () => {
    cluster = await givenCluster()
      .on(() => new FastifyAdapter())
      .with(AskGateway)
      .withControllers(OrdersController)
      .prepared(bindEverywhere)
      .start();
    await expectPropagation();
    const { origin, others, everybody } = await connectSampleClients(cluster);
    const { url } = cluster.instance(0);

    expect(await overHttp(`${url}/tell`, 'POST')).toEqual({ status: 201, body: SERVED });
    await expectUntouchedHttp(url);

    await cluster.settled(...everybody);
    for (const client of everybody) {
      const alice = client === origin || others.includes(client);
      expect(client.events).toEqual(alice ? ['told'] : []);
    }
    expect(cluster.logger.matching(/^(?:warn|error) /)).toEqual([]);
  });
});
