import { describe, expect, it } from '@jest/globals';
import type { PresenceOperation } from '../../../../src/presence/store/presence-store.js';
import { UserStates } from '../../../../src/presence/tracker/user-states.js';

/** One event in the life of a user. `update` and `hold` send an update to the store, which applies it. */
type Event =
  | 'connect'
  | 'disconnect'
  | 'update'
  | 'tentative update'
  | 'lost update'
  | 'confirmed'
  | 'settled'
  | 'reconnect'
  | 'data loss'
  | 'given up';

const USER = 'alice';

/** Plays events and returns the operations of each update. */
function play(users: UserStates, events: readonly Event[]): PresenceOperation[][] {
  const updates: PresenceOperation[][] = [];
  const update = (isTentative: boolean): PresenceOperation[] => {
    const operations = users.takeOperations(USER, isTentative);
    updates.push(operations);
    return operations;
  };
  const apply: Record<Event, () => void> = {
    connect: () => users.connected(USER),
    disconnect: () => users.disconnected(USER),
    update: () => users.applied(USER, update(false)),
    'tentative update': () => users.applied(USER, update(true)),
    'lost update': () => users.uncertain(USER, update(false)),
    confirmed: () => users.confirmed(USER),
    settled: () => users.settled(USER),
    reconnect: () => users.unconfirm(false),
    'data loss': () => users.unconfirm(true),
    'given up': () => users.givenUp(),
  };
  for (const event of events) apply[event]();
  return updates;
}

describe('UserStates', () => {
  it.each<{ name: string; events: Event[]; updates: PresenceOperation[][] }>([
    { name: 'a first socket', events: ['connect', 'update'], updates: [['join']] },
    {
      name: 'nothing new',
      events: ['connect', 'update', 'update'],
      updates: [['join'], []],
    },
    {
      name: 'a last socket that leaves',
      events: ['connect', 'update', 'disconnect', 'update'],
      updates: [['join'], ['leave']],
    },
    {
      name: 'a visit between two updates',
      events: ['connect', 'disconnect', 'update'],
      updates: [['join', 'leave']],
    },
    {
      name: 'a return between two updates',
      events: ['connect', 'update', 'disconnect', 'connect', 'update'],
      updates: [['join'], []],
    },
    {
      name: 'a return in the grace period',
      events: ['connect', 'update', 'disconnect', 'update', 'connect', 'update'],
      updates: [['join'], ['leave'], ['join']],
    },
    {
      name: 'a new connection to the store',
      events: ['connect', 'update', 'reconnect', 'update'],
      updates: [['join'], ['restore']],
    },
    {
      name: 'a data loss with a connected user',
      events: ['connect', 'update', 'data loss', 'tentative update'],
      updates: [['join'], ['restore']],
    },
    {
      name: 'a data loss in the grace period',
      events: ['connect', 'update', 'disconnect', 'update', 'data loss', 'update'],
      updates: [['join'], ['leave'], ['gone']],
    },
    {
      name: 'a data loss in the grace period, and a return',
      events: ['connect', 'update', 'disconnect', 'update', 'data loss', 'connect', 'update'],
      updates: [['join'], ['leave'], ['restore']],
    },
    {
      name: 'a data loss, and a last socket that leaves',
      events: ['connect', 'update', 'data loss', 'disconnect', 'update'],
      updates: [['join'], ['gone']],
    },
    {
      name: 'a first socket after a data loss',
      events: ['connect', 'tentative update'],
      updates: [['hold']],
    },
    {
      name: 'a tentative user on a new connection',
      events: ['connect', 'tentative update', 'reconnect', 'update'],
      updates: [['hold'], ['hold']],
    },
    {
      name: 'a confirmed user on a new connection',
      events: ['connect', 'tentative update', 'confirmed', 'reconnect', 'update'],
      updates: [['hold'], ['restore']],
    },
    {
      name: 'a tentative user and another data loss',
      events: ['connect', 'tentative update', 'data loss', 'tentative update'],
      updates: [['hold'], ['hold']],
    },
    {
      name: 'a lost join',
      events: ['connect', 'lost update', 'update'],
      updates: [['join'], ['join']],
    },
    {
      name: 'a lost join of a user who has left',
      events: ['connect', 'lost update', 'disconnect', 'update'],
      updates: [['join'], ['join', 'leave']],
    },
    {
      name: 'a lost leave',
      events: ['connect', 'update', 'disconnect', 'lost update', 'update'],
      updates: [['join'], ['leave'], ['leave']],
    },
    {
      name: 'a connected user after the instance was given up',
      events: ['connect', 'update', 'given up', 'update'],
      updates: [['join'], ['join']],
    },
    {
      name: 'a user who has left before the instance was given up',
      events: ['connect', 'update', 'disconnect', 'update', 'given up', 'update'],
      updates: [['join'], ['leave'], []],
    },
  ])('sends the store the operations for $name', ({ events, updates }) => {
    expect(play(new UserStates(), events)).toEqual(updates);
  });

  it.each<{ name: string; events: Event[]; size: number }>([
    { name: 'a connected user', events: ['connect', 'update'], size: 1 },
    { name: 'a user in the grace period', events: ['connect', 'disconnect', 'update'], size: 1 },
    {
      name: 'no user after the grace period',
      events: ['connect', 'disconnect', 'update', 'settled'],
      size: 0,
    },
    {
      name: 'no tentative user after the grace period',
      events: ['connect', 'tentative update', 'disconnect', 'update', 'settled'],
      size: 0,
    },
    {
      name: 'no user who has left before the instance was given up',
      events: ['connect', 'update', 'disconnect', 'given up'],
      size: 0,
    },
  ])('has $name', ({ events, size }) => {
    const users = new UserStates();
    play(users, events);
    expect(users.size).toBe(size);
    expect([...users.ids()]).toHaveLength(size);
  });
});
