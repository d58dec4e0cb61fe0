import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import { SingleSubscriber } from '../../../src/redis/single-subscriber.js';

class FakeClient extends EventEmitter {
  status = 'wait';
  readonly commands: string[] = [];

  readonly subscribe = (...channels: string[]) => this.say('SUBSCRIBE', channels);
  readonly unsubscribe = (...channels: string[]) => this.say('UNSUBSCRIBE', channels);
  readonly quit = () => this.say('QUIT', []);

  sendCommand(): Promise<void> {
    return Promise.resolve();
  }

  disconnect(reconnect = false): void {
    this.commands.push(reconnect ? 'RECONNECT' : 'DISCONNECT');
  }

  becomes(status: string): void {
    this.status = status;
    this.emit(status);
  }

  says(channel: string): void {
    this.emit('messageBuffer', Buffer.from(channel), Buffer.from('x'));
  }

  private async say(command: string, channels: readonly string[]): Promise<void> {
    this.commands.push([command, ...channels].join(' '));
  }
}

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each([
  ['of the library', true],
  ['of the app', false],
])('the subscribed connection to a single Redis, %s,', (_, owned) => {
  let client: FakeClient;
  let subscriber: SingleSubscriber;
  const events: string[] = [];
  const threw = (error: unknown): void => void events.push(String(error));

  beforeEach(() => {
    events.length = 0;
    client = new FakeClient();
    subscriber = new SingleSubscriber(client as unknown as RedisClient, owned, 20_000, {
      changed: (subscribed, reason) => events.push(reason?.code ?? `subscribed ${subscribed}`),
      message: (channel) => events.push(`message ${channel}`),
      dropped: () => {},
      interrupted: (channels) => events.push(`interrupted ${channels('a')}`),
      opened: () => events.push('opened'),
      shared: (command) => events.push(`shared ${command}`),
      error: threw,
      threw,
    });
    subscriber.start();
  });
  afterEach(() => subscriber.close());

  it('subscribes when it is open, and reports channels wanted before as interrupted', async () => {
    const subscribed = subscriber.subscribe('a');
    client.becomes('ready');
    await subscribed;
    await turns();
    expect(client.commands).toEqual(['SUBSCRIBE a']);
    expect(events).toEqual(['interrupted true', 'opened', 'subscribed true']);
    client.says('a');
    client.says('b');
    expect(events.slice(3)).toEqual(['message a']);
  });

  it('reports the loss of a connection that was open, and only of such a one', async () => {
    client.becomes('close');
    expect(events).toEqual(['subscribed false']);
    client.becomes('ready');
    await turns();
    client.becomes('close');
    client.becomes('close');
    expect(events.slice(1)).toEqual([
      'opened',
      'subscribed true',
      'interrupted true',
      'subscribed false',
      'subscribed false',
    ]);
  });

  it('replaces a connection of the library, and subscribes again on one of the app', async () => {
    void subscriber.subscribe('a');
    client.becomes('ready');
    await turns();
    subscriber.reconnect();
    await turns();
    expect(client.commands).toEqual(['SUBSCRIBE a', owned ? 'RECONNECT' : 'SUBSCRIBE a']);
  });

  it('gives the client of the app back without channels and listeners, and quits its own', async () => {
    void subscriber.subscribe('a');
    client.becomes('ready');
    await turns();
    await subscriber.close();
    const end = owned ? ['QUIT', 'DISCONNECT'] : ['UNSUBSCRIBE a'];
    expect(client.commands.filter((command) => end.includes(command))).toEqual(end);
    // Errors of a client that is being closed must not end the process.
    expect(client.eventNames()).toEqual(owned ? ['error'] : []);
    expect(Object.hasOwn(client, 'sendCommand')).toBe(false);
  });
});
