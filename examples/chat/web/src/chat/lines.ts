import type { User } from '../../../shared/model.js';
import type { NoticeEntry, Room, SentEntry } from './chat-state.js';
import type { Unsent } from './outbox.js';

/** A message on the page; `sending` until the server has acknowledged it. */
export interface BubbleLine {
  readonly kind: 'bubble';
  readonly key: string;
  readonly user: User;
  readonly text: string;
  readonly at: number;
  readonly sending: boolean;
  /** The first of several that somebody wrote one after the other. */
  readonly first: boolean;
  readonly last: boolean;
}

export type Line = BubbleLine | (NoticeEntry & { readonly key: string });

/** Messages of one person that are further apart stand alone. */
const TOGETHER_MS = 5 * 60_000;

/** What the server has, then what it does not have yet. */
export function linesOf(room: Room, unsent: readonly Unsent[], me: User): Line[] {
  const lines: Line[] = room.entries.map((entry) =>
    entry.kind === 'notice' ? { ...entry, key: entry.id } : bubble(entry),
  );
  for (const { clientId, text, at, room: name } of unsent) {
    if (name !== room.name) continue;
    const key = keyOf(me.id, clientId);
    lines.push({ kind: 'bubble', key, user: me, text, at, sending: true, first: true, last: true });
  }
  return lines.map((line, i) => placed(line, lines[i - 1], lines[i + 1]));
}

function placed(line: Line, before: Line | undefined, after: Line | undefined): Line {
  if (line.kind === 'notice') return line;
  return { ...line, first: !belongTogether(before, line), last: !belongTogether(line, after) };
}

function bubble({ user, clientId, text, at }: SentEntry): BubbleLine {
  // The key that it had while it was being sent: React moves it instead of drawing it anew.
  const key = keyOf(user.id, clientId);
  return { kind: 'bubble', key, user, text, at, sending: false, first: true, last: true };
}

function keyOf(userId: string, clientId: string): string {
  return `${userId}:${clientId}`;
}

function belongTogether(before: Line | undefined, after: Line | undefined): boolean {
  if (before?.kind !== 'bubble' || after?.kind !== 'bubble') return false;
  return before.user.id === after.user.id && after.at - before.at < TOGETHER_MS;
}
