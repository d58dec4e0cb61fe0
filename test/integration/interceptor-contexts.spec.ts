import { Controller, Get, Logger, UseInterceptors, type ExecutionContext } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom, of } from 'rxjs';
import { RedisPropagatorInterceptor, RedisPropagatorService } from '../../src/index.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

const RESPONSE: WsResponse<string> = { event: 'events', data: 'x' };

@WebSocketGateway()
class PlainGateway {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return RESPONSE;
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class DecoratedGateway {
  @UseInterceptors(RedisPropagatorInterceptor)
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return RESPONSE;
  }
}

@Controller()
class PlainController {
  @Get('event')
  event(): WsResponse<string> {
    return RESPONSE;
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@Controller()
class DecoratedController extends PlainController {}

describe('RedisPropagatorInterceptor where it does not apply', () => {
  let cluster: TestCluster;
  const logger = new MemoryLogger();
  afterEach(async () => {
    Logger.overrideLogger(false);
    logger.lines.length = 0;
    await cluster.close();
  });

  const get = async (path: string): Promise<unknown> =>
    (await fetch(`${cluster.instance(0).url}${path}`)).json();

  // An interceptor that does not check the context type would handle HTTP responses, too.
  it('ignores HTTP responses, sends nothing and warns once', async () => {
    cluster = await givenCluster().withControllers(DecoratedController).with(PlainGateway).start();
    const { everybody } = await connectSampleClients(cluster);
    Logger.overrideLogger(logger);

    expect(await get('/event')).toEqual(RESPONSE);
    expect(await get('/event')).toEqual(RESPONSE);

    await cluster.settled(...everybody);
    for (const client of everybody) expect(client.received).toEqual([]);
    expect(logger.lines).toEqual([expect.stringMatching(/^warn .*"http".*@UseInterceptors/)]);
  });

  // Nest 11 applies global interceptors to no gateway, Nest 12 to all of them.
  it('sends each event once if it is bound globally and to the gateway, without a warning', async () => {
    cluster = await givenCluster()
      .with(DecoratedGateway)
      .withControllers(PlainController)
      .prepared((app) =>
        app.useGlobalInterceptors(new RedisPropagatorInterceptor(app.get(RedisPropagatorService))),
      )
      .start();
    const { origin, others, everybody } = await connectSampleClients(cluster);
    Logger.overrideLogger(logger);

    origin.emit('ask');
    await origin.waitFor('events');
    expect(await get('/event')).toEqual(RESPONSE);

    await cluster.settled(...everybody);
    for (const client of everybody) {
      const alice = client === origin || others.includes(client);
      expect(client.data('events')).toEqual(alice ? ['x'] : []);
    }
    expect([...logger.lines, ...cluster.logger.matching(/Interceptor/)]).toEqual([]);
  });

  // An interceptor that does not check the context type would handle RPC responses, too.
  it('ignores the responses of microservice handlers', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const interceptor = new RedisPropagatorInterceptor(cluster.instance(0).propagator);
    const context = {
      getType: () => 'rpc',
      getClass: () => PlainController,
      getHandler: () => PlainController.prototype.event,
    } as unknown as ExecutionContext;

    const passed = interceptor.intercept(context, { handle: () => of(RESPONSE) });

    expect(await lastValueFrom(passed)).toBe(RESPONSE);
    await cluster.settled(client);
    expect(client.received).toEqual([]);
  });

  it('propagates the response that it sees, once, if another adapter serves the gateway', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    const client = await cluster.instance(0).connect({ token: 'alice' });
    const interceptor = new RedisPropagatorInterceptor(cluster.instance(0).propagator);
    const asking = { id: 'elsewhere', nsp: { name: '/' }, auth: { userId: 'alice' } };
    const context = {
      getType: () => 'ws',
      getClass: () => PlainGateway,
      getHandler: () => PlainGateway.prototype.ask,
      getArgs: () => [asking, 'message', undefined, 'ask'],
    } as unknown as ExecutionContext;

    const inner = { handle: () => of(RESPONSE) };
    const outer = { handle: () => interceptor.intercept(context, inner) };
    expect(await lastValueFrom(interceptor.intercept(context, outer))).toBe(RESPONSE);

    await client.waitFor('events');
    await cluster.settled(client);
    expect(client.received).toEqual([{ event: 'events', args: ['x'] }]);
  });
});
