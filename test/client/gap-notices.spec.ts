import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { GapNotice as ClientGapNotice } from '../../client/src/index.js';
import { ClusterService, type EventGap, type GapNoticeTarget } from '../../src/index.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients, untilState } from './support/clients.js';

@WebSocketGateway()
class RootGateway {}

@WebSocketGateway({ namespace: '/chat' })
class ChatGateway {}

const GAP: EventGap = { instanceId: 'lost-1', from: 3, to: null, reason: 'no-answer' };

type Target = GapNoticeTarget & { namespace: string };

const tokenOfAlice = (): string => tokenFor({ userId: 'alice' });

describe('a gap', () => {
  const clients = new Clients();
  let cluster: TestCluster;
  afterEach(async () => {
    clients.close();
    await cluster.close();
  });

  const start = async (gapNotices?: boolean) => {
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway, ChatGateway)
      .configured({ auth: JSON_TOKENS, gapNotices })
      .start();
    const instance = cluster.instance(0);
    const socket = clients.connect(instance.url, { getToken: tokenOfAlice });
    const chat = socket.of('/chat');
    const other = clients.connect(instance.url, { getToken: () => tokenFor({ userId: 'bob' }) });
    const plain = await instance.connect({ token: tokenFor({ userId: 'alice' }) });
    const sockets = { socket, chat, other };
    const heard: Record<string, ClientGapNotice[]> = {};
    for (const [name, each] of Object.entries(sockets)) {
      heard[name] = [];
      each.onGap((gap) => heard[name]?.push(gap));
    }
    await Promise.all(Object.values(sockets).map((each) => untilState(each, 'connected')));
    const report = (...targets: (readonly Target[] | undefined)[]): void => {
      const gaps = instance.app.get(ClusterService);
      for (const each of targets) {
        gaps.reportGap(each === undefined ? GAP : { ...GAP, targets: each });
      }
    };
    return { heard, report, plain, other };
  };

  it('is told to the clients of the package, once for all gaps of an outage', async () => {
    const { heard, report, plain } = await start();
    report(undefined, undefined, [{ namespace: '/', target: 'all' }]);
    await until(
      () => Object.values(heard).every(({ length }) => length > 0),
      () => 'the notices',
    );
    const any = [{ targets: [] }];
    expect(heard).toEqual({ socket: any, chat: any, other: any });
    await cluster.settled(plain);
    expect(plain.events).toEqual([]);
  });

  it('is told to those that belong to its targets', async () => {
    const { heard, report } = await start();
    report(
      [{ namespace: '/', target: 'user', id: 'alice' }],
      [
        { namespace: '/', target: 'user', id: 'alice' },
        { namespace: '/', target: 'room', id: 'nobody is here' },
        { namespace: '/chat', target: 'authenticated' },
        { namespace: '/shop', target: 'all' },
      ],
    );
    await until(
      () => heard['socket']?.length === 1 && heard['chat']?.length === 1,
      () => 'the notices',
    );
    expect(heard).toEqual({
      socket: [{ targets: [{ target: 'user', id: 'alice' }] }],
      chat: [{ targets: [{ target: 'authenticated' }] }],
      other: [],
    });
  });

  it('is not told with the option off', async () => {
    const isObserved = (): boolean => {
      const service = cluster.instance(0).app.get(ClusterService);
      return (service as unknown as { gaps: { observed: boolean } }).gaps.observed;
    };
    await start(false);
    expect(isObserved()).toBe(false);
    clients.close();
    await cluster.close();
    await start();
    expect(isObserved()).toBe(true);
  });
});
