import { UseInterceptors, type ExecutionContext, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Observable } from 'rxjs';
import {
  Propagate,
  RedisPropagatorInterceptor,
  RedisPropagatorService,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const RESPONSE: WsResponse<string> = { event: 'events', data: 'x' };

class Handlers {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return RESPONSE;
  }

  @SubscribeMessage('answer')
  answer(): string {
    return 'an answer';
  }
}

@WebSocketGateway()
class PlainGateway extends Handlers {}

@WebSocketGateway({ namespace: 'mixed' })
class MixedGateway {
  @Propagate('all')
  @SubscribeMessage('unbound')
  unbound(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate(false)
  @SubscribeMessage('for nobody')
  forNobody(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate('all')
  @UseInterceptors(RedisPropagatorInterceptor)
  @SubscribeMessage('bound')
  bound(): WsResponse<string> {
    return RESPONSE;
  }
}

@Propagate('authenticated')
@WebSocketGateway({ namespace: 'unbound' })
class UnboundGateway extends Handlers {}

class OwnInterceptor extends RedisPropagatorInterceptor {}

@Propagate('authenticated')
@UseInterceptors(OwnInterceptor)
@WebSocketGateway({ namespace: 'bound' })
class BoundGateway extends Handlers {}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'elsewhere' })
class ElsewhereGateway extends Handlers {}

/** Like Nest 11, which applies global interceptors to no gateway. */
class DeafInterceptor extends RedisPropagatorInterceptor {
  override intercept(_: ExecutionContext, next: { handle(): Observable<unknown> }) {
    return next.handle();
  }
}

describe('the log of an app whose gateways have no RedisPropagatorInterceptor', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (gateways: Type[], options: RedisPropagatorOptions = {}): Promise<void> => {
    cluster = await givenCluster()
      .of(1)
      .onInMemoryPubSub()
      .configured(options)
      .with(...gateways)
      .start();
  };
  const lines = (): string[] => cluster.logger.matching(/RedisPropagatorInterceptor/);

  const ask = async (times = 1): Promise<void> => {
    const client = await cluster.instance(0).connect({ token: 'alice' });
    for (let i = 0; i < times; i++) client.emit('ask');
    await client.waitFor('events', times);
  };

  it('names once at the start the handlers whose @Propagate has no effect', async () => {
    await start([PlainGateway, MixedGateway, UnboundGateway, BoundGateway]);
    expect(lines()).toEqual([
      expect.stringMatching(
        /^warn @Propagate has no effect on MixedGateway\.unbound, UnboundGateway\.ask, UnboundGateway\.answer: .*@UseInterceptors/,
      ),
    ]);
  });

  it('has no such line if the interceptor is bound to the gateway, the handler or globally', async () => {
    await start([PlainGateway, BoundGateway, ElsewhereGateway]);
    expect(lines()).toEqual([]);
    await cluster.close();
    cluster = await givenCluster()
      .of(1)
      .onInMemoryPubSub()
      .with(UnboundGateway, { provide: APP_INTERCEPTOR, useClass: RedisPropagatorInterceptor })
      .start();
    expect(lines()).toEqual([]);
  });

  it('mentions the interceptor only at the first event that went to the asking client alone', async () => {
    await start([PlainGateway]);
    const client = await cluster.instance(0).connect({ token: 'alice' });
    expect(await client.ask('answer')).toBe('an answer');
    expect(lines()).toEqual([]);
    await ask(3);
    expect(lines()).toEqual([
      expect.stringMatching(/^log The event "events", the response to message "ask", .*@UseInter/),
    ]);
  });

  it('does not mention it if the interceptor is bound to another gateway, or no client is authenticated', async () => {
    await start([PlainGateway, ElsewhereGateway]);
    await ask();
    expect(lines()).toEqual([]);
    await cluster.close();
    await start([PlainGateway], { auth: undefined });
    await ask();
    expect(lines()).toEqual([]);
  });

  it('has one warning if the interceptor is bound globally and Nest does not apply it to gateways', async () => {
    cluster = await givenCluster()
      .of(1)
      .onInMemoryPubSub()
      .with(PlainGateway)
      .prepared((app) =>
        app.useGlobalInterceptors(new DeafInterceptor(app.get(RedisPropagatorService))),
      )
      .start();
    await ask(2);
    expect(lines()).toEqual([expect.stringMatching(/^warn .*bound globally.*Nest 11.*@UseInter/)]);
  });
});
