import { beforeEach, describe, expect, it } from '@jest/globals';
import { MessageAuthenticator } from '../../../src/channels/message-authenticator.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { EventReceiver, type ChannelEntry } from '../../../src/routing/event-receiver.js';
import { NamespaceRegistry } from '../../../src/routing/namespace-registry.js';
import { Telemetry } from '../../../src/routing/telemetry.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { FakeNamespace } from '../../support/fake-namespace.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const OWN = Buffer.from('this one');
const OTHER = Buffer.from('another!');
const MAX_BYTES = 1_000;
const SECRET = 'a secret of at least thirty-two characters';
const CHANNEL = 'app:/:user:alice';

function envelope(given: { origin?: Buffer; sequence?: number; rooms?: string[]; text?: string }) {
  const { origin = OTHER, sequence = 1, rooms = [], text = '2["tick"]' } = given;
  const flags = { volatile: false, compress: true, customParser: false };
  return encodeEnvelope({ origin, sequence, sentAt: Date.now(), except: [], rooms, ...flags }, [
    text,
  ]).bytes;
}

const isUser = (channel: string): boolean => channel === CHANNEL;

describe('the event receiver', () => {
  let receiver: EventReceiver;
  let namespace: FakeNamespace;
  let entry: ChannelEntry;
  let reporter: Reporter;
  let telemetry: Telemetry;
  let logger: MemoryLogger;

  beforeEach(() => {
    logger = new MemoryLogger();
    reporter = new Reporter(logger);
    telemetry = new Telemetry();
    const namespaces = new NamespaceRegistry();
    namespace = new FakeNamespace('/');
    namespaces.add(namespace);
    receiver = new EventReceiver(OWN, MAX_BYTES, namespaces, reporter, telemetry);
    entry = receiver.listen({ kind: 'user', namespace: '/', id: 'alice' }, CHANNEL);
  });

  it('delivers an event of another instance as it came, and counts it', () => {
    receiver.receive(entry, envelope({ rooms: ['lobby'] }));
    expect(namespace.encoded).toBe(0);
    expect(namespace.deliveries).toMatchObject([
      { rooms: ['lobby'], within: 'propagator#user:alice', except: [], compress: true },
    ]);
    expect(telemetry.traffic.received.user.events).toBe(1);
    expect(telemetry.traffic.delivered.user.events).toBe(1);
    expect(reporter.counts()).toEqual({});
  });

  it('delivers an event that was missed to the sockets that were connected then, and one that was held to all', () => {
    const sentAt = Date.now() + 1_000;
    receiver.deliver({ channel: CHANNEL, sequence: 1, bytes: envelope({}), sentAt });
    receiver.deliver({ channel: CHANNEL, sequence: 2, bytes: envelope({ sequence: 2 }) });
    expect(namespace.deliveries.map(({ asOf, except }) => [asOf, except])).toEqual([
      [sentAt, []],
      [undefined, []],
    ]);
    // The channel was not subscribed at that time.
    receiver.deliver({ channel: CHANNEL, sequence: 3, bytes: envelope({}), sentAt: 1 });
    expect(namespace.deliveries).toHaveLength(2);
  });

  it('delivers an event that was held to those that were there when it came in', () => {
    const heldSince = Date.now() - 1_000;
    const bytes = envelope({});
    receiver.deliver({ channel: CHANNEL, sequence: 1, bytes, heldSince });
    expect(namespace.deliveries.map(({ asOf }) => asOf)).toEqual([heldSince]);
  });

  it('names the targets of some of its channels, unless these are all, or too many', () => {
    expect(receiver.targetsOf(isUser)).toBeUndefined();
    for (let n = 0; n < 1_001; n++) {
      receiver.listen({ kind: 'room', namespace: '/', id: `${n}` }, `room:${n}`);
    }
    expect(receiver.targetsOf(isUser)).toEqual([{ kind: 'user', namespace: '/', id: 'alice' }]);
    expect(receiver.targetsOf(() => false)).toEqual([]);
    expect(receiver.targetsOf((channel) => channel !== CHANNEL)).toBeUndefined();
  });

  it('drops events of its own instance without counting them', () => {
    receiver.receive(entry, envelope({ origin: OWN }));
    receiver.deliver({ channel: CHANNEL, sequence: 1, bytes: envelope({ origin: OWN }) });
    expect(namespace.deliveries).toEqual([]);
    expect(telemetry.traffic.received.user.events).toBe(0);
    expect(reporter.counts()).toEqual({});
  });

  it('drops messages of an unknown version or kind, counts each, and logs the first of each', () => {
    const [version, kind] = [envelope({}), envelope({})];
    version[0] = 200;
    kind[1] = 200;
    for (const bytes of [version, version, kind]) receiver.receive(entry, bytes);
    expect(namespace.deliveries).toEqual([]);
    expect(reporter.counts()).toEqual({ 'message.unknown-version': 2, 'message.unknown-kind': 1 });
    expect(logger.lines).toHaveLength(2);
  });

  it('drops and counts messages that are too large, malformed, or no event of the namespace', () => {
    receiver.receive(entry, envelope({ text: `2["${'x'.repeat(MAX_BYTES)}"]` }));
    receiver.receive(entry, envelope({}).subarray(0, 20));
    receiver.receive(entry, envelope({ text: '1' }));
    expect(namespace.deliveries).toEqual([]);
    expect(reporter.counts()).toEqual({ 'message.too-large': 1, 'message.malformed': 2 });
  });

  it('delivers the event of another program, in the form of each parser, except to the rooms that it names', () => {
    receiver.receive(entry, Buffer.from('{"event":"tick","data":1,"except":["lobby"]}'));
    expect(namespace.deliveries).toMatchObject([
      { rooms: ['propagator#user:alice'], except: ['lobby'], volatile: false },
    ]);
    expect(namespace.deliveries[0]?.packet.packet?.data).toEqual(['tick', 1]);
    receiver.receive(entry, Buffer.from('{"event":""}'));
    receiver.receive(entry, Buffer.from('tick'));
    expect(namespace.deliveries).toHaveLength(1);
    expect(telemetry.traffic.received.user.events).toBe(1);
    expect(reporter.counts()).toEqual({ 'message.malformed': 1, 'message.unknown-version': 1 });
    expect(logger.lines.join()).toContain('4 bytes of text that do not begin with "{"');
  });

  it('drops an unsigned message where messages are signed, live or repaired', () => {
    const options = resolveOptions({ redis: 'redis://localhost', secret: SECRET }, logger);
    const guard = MessageAuthenticator.of(options, reporter);
    const namespaces = new NamespaceRegistry();
    namespaces.add(namespace);
    const signed = new EventReceiver(OWN, MAX_BYTES, namespaces, reporter, telemetry, guard);
    const channel = signed.listen(entry.target, CHANNEL);
    signed.receive(channel, envelope({}));
    signed.receive(channel, Buffer.from('{"event":"tick"}'));
    signed.deliver({ channel: CHANNEL, sequence: 1, bytes: envelope({}) });
    expect(namespace.deliveries).toEqual([]);
    expect(reporter.counts()).toEqual({ 'message.unsigned': 3 });
  });

  it('survives a namespace that throws, and reports that', () => {
    namespace.deliver = () => {
      throw new Error('of a test');
    };
    receiver.receive(entry, envelope({}));
    receiver.deliver({ channel: CHANNEL, sequence: 2, bytes: envelope({ sequence: 2 }) });
    expect(reporter.counts()).toEqual({ 'message.failed': 2 });
  });

  it('does not deliver envelopes that the repair intercepts', () => {
    const intercepted: string[] = [];
    receiver.useRepair({
      intercept: ({ sequence }, channel) => {
        intercepted.push(`${channel} ${sequence}`);
        return sequence === 2;
      },
    });
    for (const sequence of [1, 2, 3]) receiver.receive(entry, envelope({ sequence }));
    expect(intercepted).toEqual([1, 2, 3].map((sequence) => `${CHANNEL} ${sequence}`));
    expect(namespace.deliveries).toHaveLength(2);
  });

  it('delivers a repaired event only if the channel is listened to, and was when the event was sent', () => {
    const event = { channel: CHANNEL, sequence: 1, bytes: envelope({}) };
    receiver.deliver({ ...event, sentAt: entry.listenedToSince - 1 });
    receiver.deliver({ ...event, channel: 'app:/:user:bob' });
    expect(namespace.deliveries).toEqual([]);
    receiver.deliver({ ...event, sentAt: entry.listenedToSince });
    expect(namespace.deliveries).toHaveLength(1);
    receiver.stopListening(CHANNEL);
    receiver.deliver(event);
    expect(namespace.deliveries).toHaveLength(1);
  });
});
