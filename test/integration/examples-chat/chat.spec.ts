import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { JoinedRoom } from '../../../examples/chat/shared/events.js';
import { compareMessages } from '../../../examples/chat/shared/message-order.js';
import type { Message } from '../../../examples/chat/shared/model.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';
import { ChatApp } from './support/chat-app.js';

let nextId = 0;

/** A message of a client, with a new id. */
const say = (room: string, text: string) => ({ room, text, clientId: `id-${++nextId}` });

const ALICE = { id: 'alice', name: 'Alice' };
const BOB = { id: 'bob', name: 'Bob' };

describe('examples/chat: rooms', () => {
  let app: ChatApp;
  beforeAll(async () => {
    app = await ChatApp.start();
  });
  afterAll(() => app.close());
  afterEach(() => app.disconnectAll());

  const chatterer = async (name: string, instance: number): Promise<TestClient> =>
    app.connect(instance, await app.logIn(name));

  it('tells the members of a room once about each user who joins or leaves, on both instances', async () => {
    const [alice, bob] = [await chatterer('alice', 0), await chatterer('bob', 1)];
    expect(await alice.ask('join', { room: 'hall' })).toEqual({
      room: 'hall',
      members: [ALICE],
      history: [],
    });

    expect(await bob.ask('join', { room: 'hall' })).toMatchObject({ members: [ALICE, BOB] });
    await alice.waitFor('user-joined', 2);
    // A member who joins again changes nothing.
    expect(await bob.ask('join', { room: 'hall' })).toMatchObject({ members: [ALICE, BOB] });
    expect(await bob.ask('leave', { room: 'hall' })).toEqual({ room: 'hall' });
    await alice.waitFor('user-left');

    expect(alice.events).toEqual([
      'rooms',
      'user-joined',
      'joined-room',
      'user-joined',
      'user-left',
    ]);
    expect(alice.data('user-left')).toEqual([{ room: 'hall', user: BOB }]);
    expect(await alice.ask('join', { room: 'hall' })).toMatchObject({ members: [ALICE] });
  });

  it('sends a message to all members of the room and nobody else, and acknowledges it', async () => {
    const [alice, bob] = [await chatterer('alice', 0), await chatterer('bob', 1)];
    const [carol, dave] = [await chatterer('carol', 1), await chatterer('dave', 0)];
    for (const client of [alice, bob, carol]) await client.ask('join', { room: 'attic' });
    await dave.ask('join', { room: 'cellar' });

    const first = (await alice.ask('message', say('attic', ' from one '))) as Message;
    const second = (await bob.ask('message', say('attic', 'from two'))) as Message;
    await Promise.all([alice, bob, carol].map((client) => client.waitFor('message', 2)));

    expect(first).toEqual({
      id: expect.stringMatching(/^\d+-\d+$/),
      room: 'attic',
      user: ALICE,
      text: 'from one',
      at: expect.any(Number),
      clientId: expect.any(String),
    });
    expect(second).toMatchObject({ user: BOB, text: 'from two' });
    for (const client of [alice, bob, carol]) {
      // Two instances sent them: live, they may arrive in either order.
      const messages = client.data('message') as Message[];
      expect(messages.toSorted(compareMessages)).toEqual([first, second]);
    }
    const { history } = (await dave.ask('join', { room: 'attic' })) as JoinedRoom;
    expect(history).toEqual([first, second]);
    expect(dave.data('message')).toEqual([]);
  });

  it('stores messages that two instances send at the same time in one order', async () => {
    const [alice, bob] = [await chatterer('alice', 0), await chatterer('bob', 1)];
    const chatterers = [alice, bob];
    for (const client of chatterers) await client.ask('join', { room: 'choir' });

    const texts = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    await Promise.all(
      chatterers.flatMap((client) =>
        texts.map((text) => client.ask('message', say('choir', text))),
      ),
    );
    await Promise.all(chatterers.map((client) => client.waitFor('message', 40)));

    const { history } = (await alice.ask('join', { room: 'choir' })) as JoinedRoom;
    expect(history).toHaveLength(40);
    for (const client of chatterers) {
      const messages = client.data('message') as Message[];
      expect(messages.toSorted(compareMessages)).toEqual(history);
    }
  });

  it('orders messages of one millisecond by number', () => {
    const messages = ['5-10', '5-9', '4-11'].map((id) => ({ id, at: Number(id.split('-')[0]) }));
    expect(messages.toSorted(compareMessages).map(({ id }) => id)).toEqual(['4-11', '5-9', '5-10']);
  });

  it('stores a message once if it is sent again to another instance', async () => {
    const [alice, again] = [await chatterer('alice', 0), await chatterer('alice', 1)];
    await alice.ask('join', { room: 'twice' });
    const message = say('twice', 'did you get that?');

    const [first, second] = [
      await alice.ask('message', message),
      await again.ask('message', message),
    ];

    expect(second).toEqual(first);
    expect(await again.ask('join', { room: 'twice' })).toMatchObject({ history: [first] });
  });

  it('makes the other tabs of a user join and leave rooms and see drafts', async () => {
    const [tab, other] = [await chatterer('alice', 0), await chatterer('alice', 1)];
    const bob = await chatterer('bob', 1);
    await bob.ask('join', { room: 'den' });
    await tab.ask('join', { room: 'den' });

    // The other tab did not join by itself, and is in the room.
    await other.waitFor('joined-room');
    await bob.ask('message', say('den', 'hello Alice'));
    await other.waitFor('message');
    tab.emit('draft', { room: 'den', text: 'hello B' });
    await other.waitFor('draft');
    await tab.ask('leave', { room: 'den' });
    await other.waitFor('left-room');

    expect(other.data('joined-room')).toEqual([{ room: 'den' }]);
    expect(other.data('draft')).toEqual([{ room: 'den', text: 'hello B', socketId: tab.id }]);
    expect(other.data('left-room')).toEqual([{ room: 'den' }]);
    expect(bob.events).not.toContain('draft');
    expect(bob.events).not.toContain('left-room');
    // It has left the room as well, because its user left.
    await bob.ask('message', say('den', 'gone?'));
    await bob.waitFor('message', 2);
    expect(other.data('message')).toHaveLength(1);
  });

  it('tells a new tab the rooms of its user', async () => {
    const carol = await chatterer('carol', 0);
    await carol.ask('join', { room: 'nook' });

    const tab = await chatterer('carol', 1);

    const [{ rooms }] = (await tab.waitFor('rooms')) as [{ rooms: string[] }];
    expect(rooms).toContain('nook');
  });

  it('shows the other members of the room who is typing', async () => {
    const [alice, bob] = [await chatterer('alice', 0), await chatterer('bob', 1)];
    for (const client of [alice, bob]) await client.ask('join', { room: 'desk' });

    let emittedAt = -Infinity;
    await until(
      () => {
        // It is volatile: an instance that is overloaded at that moment drops it.
        if (performance.now() - emittedAt > 250) {
          emittedAt = performance.now();
          alice.emit('typing', { room: 'desk', typing: true });
        }
        return bob.events.includes('typing');
      },
      () => 'bob to see that alice is typing',
    );

    expect(bob.data('typing')[0]).toEqual({ room: 'desk', user: ALICE, typing: true });
    expect(alice.events).not.toContain('typing');
  });

  it.each<[what: string, event: string, data: unknown, messages: string[]]>([
    [
      'an empty message',
      'message',
      { room: 'lobby', text: '  ', clientId: 'x' },
      ['A message cannot be empty.'],
    ],
    [
      'a message that is too long',
      'message',
      { room: 'lobby', text: 'x'.repeat(501), clientId: 'x' },
      ['A message has 500 characters at most.'],
    ],
    [
      'a room that cannot be',
      'join',
      { room: 'Not a room' },
      ['The name of a room has 1 to 20 small letters, digits and hyphens.'],
    ],
    ['no data', 'draft', {}, expect.any(Array) as unknown as string[]],
    ['a text for data', 'join', 'lobby', expect.any(Array) as unknown as string[]],
    ['a list for data', 'join', ['lobby'], expect.any(Array) as unknown as string[]],
    ['null for data', 'leave', null, expect.any(Array) as unknown as string[]],
  ])('refuses %s, in the acknowledgement and as an exception', async (_, event, data, message) => {
    const alice = await chatterer('alice', 0);
    const failure = { status: 'error', code: 'validation', message };

    const answer = await alice.ask(event, data);
    alice.emit(event, data);

    expect([answer, ...(await alice.waitFor('exception'))]).toEqual([failure, failure]);
  });

  it('refuses a message to a room that its sender has not joined', async () => {
    const alice = await chatterer('alice', 0);

    expect(await alice.ask('message', say('elsewhere', 'hello'))).toEqual({
      status: 'error',
      code: 'room.not-a-member',
      message: 'You are not in the room elsewhere.',
    });
  });
});
