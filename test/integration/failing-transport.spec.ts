import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Propagate, RedisPropagatorInterceptor } from '../../src/index.js';
import { InMemoryPubSub } from '../../src/testing/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AskedGateway {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return { event: 'answer', data: 'x' };
  }

  @Propagate('all')
  @SubscribeMessage('ask for all')
  askForAll(): WsResponse<string> {
    return { event: 'answer', data: 'x' };
  }

  @SubscribeMessage('ask for what cannot be sent')
  reserved(): WsResponse<string> {
    return { event: 'newListener', data: 'x' };
  }
}

class RejectingPubSub extends InMemoryPubSub {
  override publish(): Promise<number> {
    return Promise.reject(new Error('out of order'));
  }
}

class ThrowingPubSub extends InMemoryPubSub {
  override publish(): Promise<number> {
    throw new Error('out of order');
  }
}

describe.each([RejectingPubSub, ThrowingPubSub])('a transport that fails: %p', (Transport) => {
  let cluster: TestCluster;
  afterEach(async () => {
    jest.restoreAllMocks();
    await cluster.close();
  });

  // An unhandled rejection of a publish, or a malformed message, would end the process.
  it('does not affect responses, nor the local delivery of this instance', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(AskedGateway)
      .configured({ redis: undefined, pubSub: new Transport() })
      .start();
    // Lines are logged at most once a second.
    jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    const instance = cluster.instance(0);
    const origin = await instance.connect({ token: 'alice' });
    const other = await instance.connect({ token: 'alice' });

    origin.emit('ask');
    origin.emit('ask for all');
    await origin.waitFor('answer', 2);
    await expect(
      instance.propagator.emitToUser({ userId: 'alice', event: 'x' }),
    ).rejects.toMatchObject({
      code: 'redis.command-failed',
      message: expect.stringContaining('out of order'),
    });

    await instance.served(origin, other);
    for (const client of [origin, other]) {
      expect(client.events).toEqual(['answer', 'answer', 'x']);
    }
    expect(instance.counts).toEqual({ 'publish.failed': 4 }); // the last one is the marker of this test
    expect(cluster.logger.matching(/^warn publish\.failed: .*out of order/)).toHaveLength(1);
  });
});

class SilentPubSub extends InMemoryPubSub {
  override publish(): Promise<number> {
    return new Promise(() => {});
  }
}

describe('a transport that never answers', () => {
  it('does not keep the app from ending', async () => {
    const cluster = await givenCluster()
      .of(1)
      .with(AskedGateway)
      .configured({ redis: undefined, pubSub: new SilentPubSub(), publishTimeoutMs: 50 })
      .start();
    const { propagator, state } = cluster.instance(0);
    const origin = await cluster.instance(0).connect({ token: 'alice' });
    void propagator.emitToUser({ userId: 'alice', event: 'x' });
    await origin.waitFor('x');

    await cluster.close();

    expect(state.socketCount).toBe(0);
  });
});
