import * as standardParser from 'socket.io-parser';
import { describe, expect, it } from '@jest/globals';
import { Traffic } from '../../../src/reporting/traffic.js';
import { LocalDelivery } from '../../../src/routing/local-delivery.js';
import { NamespaceRegistry } from '../../../src/routing/namespace-registry.js';
import { codecOf, encodeEvent } from '../../../src/routing/packet-codec.js';
import { FakeNamespace } from '../../support/fake-namespace.js';
import { jsonParser } from '../../support/json-parser.js';

const EVENT = { namespace: '/', data: ['tick'], rooms: ['lobby'], except: ['a'] };
const standard = codecOf(standardParser);

function given() {
  const namespaces = new NamespaceRegistry();
  const traffic = new Traffic();
  return { namespaces, traffic, local: new LocalDelivery(namespaces, traffic) };
}

describe('delivery to the sockets of this instance', () => {
  it('shares the packet with all servers of the same parser, and encodes again for another one', () => {
    const { namespaces, traffic, local } = given();
    const [first, second, other] = ['/', '/', '/chat'].map((name) => new FakeNamespace(name));
    const json = Object.assign(new FakeNamespace('/'), { codec: codecOf(jsonParser) });
    for (const each of [first, second, json, other]) namespaces.add(each as FakeNamespace);
    const packet = encodeEvent(standard, '/', EVENT.data);

    const target = { kind: 'user', namespace: '/', id: 'alice' } as const;
    expect(local.deliver(target, EVENT, packet)).toBe(3);
    const audience = { rooms: ['lobby'], within: 'propagator#user:alice', except: ['a'] };
    for (const server of [first, second, json])
      expect(server?.deliveries).toMatchObject([audience]);
    expect([first, second].map((server) => server?.deliveries[0]?.packet)).toEqual([
      packet,
      packet,
    ]);
    expect(json.deliveries[0]?.packet.parser).toBe(jsonParser);
    expect(other?.deliveries).toEqual([]);
    const bytes = 3 * packet.frames.length;
    expect(traffic.delivered.user).toEqual({ events: 3, bytes });
  });

  it('says whether an event that cannot be published can be delivered', () => {
    const { namespaces, local } = given();
    const namespace = new FakeNamespace('/');
    namespaces.add(namespace);
    expect(local.tryToDeliver({ namespace: '/', data: ['bigint', 1n] })).toBe(false);
    expect(namespace.deliveries).toEqual([]);
    expect(local.tryToDeliver(EVENT)).toBe(true);
    expect(namespace.deliveries).toMatchObject([{ rooms: ['lobby'], except: ['a'] }]);
  });
});
