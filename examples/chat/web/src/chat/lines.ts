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
  /** The first of several messages by the same person. */
  readonly first: boolean;
  readonly last: boolean;
}

export type Line = BubbleLine | (NoticeEntry & { readonly key: string });

/** Messages of one person that are further apart are shown separately. */
const TOGETHER_MS = 5 * 60_000;

/** The messages of the server, then those that it has not acknowledged yet. */
export function linesOf(room: Room, unsent: readonly Unsent[], me: User): Line[] {
  const lines: Line[] = room.entries.map((entry) =>
    entry.kind === 'notice' ? { ...entry, key: entry.id } : bubble(entry),
  );
  const stored = new Set(lines.map(({ key }) => key));
  for (const { clientId, text, at, room: name } of unsent) {
    const key = keyOf(me.id, clientId);
    // Stored, but not acknowledged: it is in the history of the room.
    if (name !== room.name || stored.has(key)) continue;
    lines.push({ kind: 'bubble', key, user: me, text, at, sending: true, first: true, last: true });
  }
  return lines.map((line, i) => placed(line, lines[i - 1], lines[i + 1]));
}

function placed(line: Line, before: Line | undefined, after: Line | undefined): Line {
  if (line.kind === 'notice') return line;
  return { ...line, first: !belongTogether(before, line), last: !belongTogether(line, after) };
}

function bubble({ user, clientId, text, at }: SentEntry): BubbleLine {
  // The same key as while it was being sent, so that React moves it instead of drawing it again.
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
