import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Propagate, RedisPropagatorInterceptor, type PropagateAudience } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients, type SampleClients } from '../support/sample-clients.js';

const RESPONSE: WsResponse<string> = { event: 'news', data: 'x' };

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class UndecoratedGateway {
  @SubscribeMessage('undecorated')
  undecorated(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate('user')
  @SubscribeMessage('user')
  user(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate('authenticated')
  @SubscribeMessage('authenticated')
  authenticated(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate('all')
  @SubscribeMessage('all')
  all(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate(false)
  @SubscribeMessage('false')
  nobody(): WsResponse<string> {
    return RESPONSE;
  }
}

@Propagate('all')
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class LoudGateway {
  @SubscribeMessage('as the class says')
  inherited(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate('user')
  @SubscribeMessage('as the method says')
  own(): WsResponse<string> {
    return RESPONSE;
  }

  @Propagate(false)
  @SubscribeMessage('not at all')
  nobody(): WsResponse<string> {
    return RESPONSE;
  }
}

const audiences: [
  message: string,
  PropagateAudience,
  who: (clients: SampleClients) => unknown[],
][] = [
  ['undecorated', 'user', ({ others }) => others],
  ['user', 'user', ({ others }) => others],
  ['authenticated', 'authenticated', ({ others, bobs }) => [...others, ...bobs]],
  ['all', 'all', ({ others, bobs, anonymous }) => [...others, ...bobs, ...anonymous]],
  ['false', false, () => []],
  ['as the class says', 'all', ({ others, bobs, anonymous }) => [...others, ...bobs, ...anonymous]],
  ['as the method says', 'user', ({ others }) => others],
  ['not at all', false, () => []],
];

describe('@Propagate', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it.each(audiences)('of the handler "%s" means %s', async (message, _audience, who) => {
    cluster = await givenCluster().with(UndecoratedGateway, LoudGateway).start();
    const clients = await connectSampleClients(cluster);

    clients.origin.emit(message);

    await clients.origin.waitFor('news');
    await cluster.settled(...clients.everybody);
    const expected = new Set([clients.origin, ...who(clients)]);
    for (const client of clients.everybody) {
      expect(client.data('news')).toEqual(expected.has(client) ? ['x'] : []);
    }
  });

  it('from an anonymous origin reaches all other clients as well', async () => {
    cluster = await givenCluster().with(UndecoratedGateway).start();
    const { everybody, anonymous } = await connectSampleClients(cluster);

    anonymous[0]?.emit('authenticated');
    anonymous[1]?.emit('all');

    await Promise.all(anonymous.map((client) => client.waitFor('news')));
    await cluster.settled(...everybody);
    expect(everybody.map((client) => client.data('news').length)).toEqual([
      2,
      2,
      2, // alice
      2,
      2, // bob
      2,
      1, // anonymous: the first one sent the message, and is in the audience of the second
    ]);
  });

  it('refuses an unknown audience at the decorator', () => {
    expect(() => Propagate('everyone' as PropagateAudience)).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
  });
});

class SharedHandlers {
  @SubscribeMessage('shared')
  shared(): WsResponse<string> {
    return RESPONSE;
  }
}

@Propagate('user')
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'loud' })
class LoudSharedGateway extends SharedHandlers {}

@Propagate(false)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'quiet' })
class QuietSharedGateway extends SharedHandlers {}

describe('gateways that share handlers', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('have an audience each', async () => {
    cluster = await givenCluster().of(2).with(LoudSharedGateway, QuietSharedGateway).start();
    const pair = (namespace: string) =>
      Promise.all([0, 1].map((i) => cluster.instance(i).connect({ token: 'alice', namespace })));
    const [loud, loudOther] = await pair('/loud');
    const [quiet, quietOther] = await pair('/quiet');

    for (const client of [loud, quiet, loud, quiet]) client?.emit('shared');
    await loud?.waitFor('news', 2);
    await quiet?.waitFor('news', 2);
    await loudOther?.waitFor('news', 2);
    await cluster.settled(...[loudOther, quietOther].filter((client) => client !== undefined));

    expect(loudOther?.data('news')).toEqual(['x', 'x']);
    expect(quietOther?.data('news')).toEqual([]);
  });
});
