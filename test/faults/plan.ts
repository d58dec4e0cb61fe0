/** The target of an event follows from its number, so no list is needed. */

export const USERS = 20;
export const SENDERS = 3;
export const EVENT = 'numbered';
const SEVERAL = 3;

export const TARGETS = ['user', 'users', 'all', 'authenticated', 'room'] as const;
export type Target = (typeof TARGETS)[number];

/** The data of an event: its sender, and its number from that sender, starting at 1. */
export interface Numbered {
  readonly sender: number;
  readonly number: number;
}

export const userOf = (index: number): string => `user-${index % USERS}`;
export const roomOf = (index: number): string => (index % 2 === 0 ? 'even' : 'odd');

export function targetOf(number: number): Target {
  return TARGETS[number % TARGETS.length] ?? 'all';
}

/** How many earlier events had the same kind of target: the user, the room. */
export function turnOf(number: number): number {
  return Math.floor(number / TARGETS.length);
}

export function usersOf(number: number): string[] {
  return Array.from({ length: SEVERAL }, (_, i) => userOf(turnOf(number) + i));
}

/** Whether the event is for the client with this index. */
export function isFor(number: number, client: number): boolean {
  switch (targetOf(number)) {
    case 'user':
      return userOf(turnOf(number)) === userOf(client);
    case 'users':
      return usersOf(number).includes(userOf(client));
    case 'room':
      return roomOf(turnOf(number)) === roomOf(client);
    default:
      return true;
  }
}
