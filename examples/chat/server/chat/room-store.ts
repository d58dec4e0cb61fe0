import { Injectable } from '@nestjs/common';
import type { Message, User } from '../../shared/model.js';
import { HISTORY_LENGTH } from '../../shared/rules.js';
import { userOf } from '../auth/demo-users.js';
import { Data } from '../common/data.js';
import { APPEND_MESSAGE } from './append-message.js';

/** More than the page shows, so that a client that was disconnected for a while finds the rest. */
const MOST_MESSAGES = 500;
/** A demo does not keep messages of people for long. */
const KEPT_SECONDS = 24 * 60 * 60;

type NewMessage = Pick<Message, 'room' | 'text' | 'clientId'> & { userId: string };
type StreamEntry = [id: string, fields: string[]];

/** The members of each room, and its messages. In Redis, because instances come and go. */
@Injectable()
export class RoomStore {
  constructor(private readonly data: Data) {}

  /** @returns whether the user was not a member before; true for only one of several calls, on any instance */
  async join(room: string, userId: string): Promise<boolean> {
    const members = this.membersKey(room);
    const rooms = this.roomsKey(userId);
    return this.data.use(async (redis) => {
      const added = await redis.sadd(members, userId);
      await Promise.all([
        redis.sadd(rooms, room),
        redis.expire(members, KEPT_SECONDS),
        redis.expire(rooms, KEPT_SECONDS),
      ]);
      return added === 1;
    });
  }

  /** @returns whether the user was a member */
  async leave(room: string, userId: string): Promise<boolean> {
    return this.data.use(async (redis) => {
      const [removed] = await Promise.all([
        redis.srem(this.membersKey(room), userId),
        redis.srem(this.roomsKey(userId), room),
      ]);
      return removed === 1;
    });
  }

  async isMember(room: string, userId: string): Promise<boolean> {
    return (await this.data.use((redis) => redis.sismember(this.membersKey(room), userId))) === 1;
  }

  async members(room: string): Promise<User[]> {
    const ids = await this.data.use((redis) => redis.smembers(this.membersKey(room)));
    return ids.toSorted().map(userOf);
  }

  async roomsOf(userId: string): Promise<string[]> {
    const rooms = await this.data.use((redis) => redis.smembers(this.roomsKey(userId)));
    return rooms.toSorted();
  }

  /** A message that was sent before, with the same `clientId`, is returned as it was stored then. */
  async append({ room, userId, text, clientId }: NewMessage): Promise<Message> {
    const stream = this.streamKey(room);
    const sent = this.data.key(room, `sent:${userId}:${clientId}`);
    const fields = ['room', room, 'user', userId, 'text', text, 'client', clientId];
    const [entry] = await this.data.use(async (redis) => {
      const limits = [MOST_MESSAGES, KEPT_SECONDS];
      const id = String(await redis.eval(APPEND_MESSAGE, 2, stream, sent, ...limits, ...fields));
      const stored = await redis.xrange(stream, id, id);
      // After hundreds of later messages it is no longer in the stream, and the data of the sender is used.
      return stored.length > 0 ? stored : [[id, fields] satisfies StreamEntry];
    });
    return messageOf(entry as StreamEntry);
  }

  /** The last messages, the oldest first. */
  async history(room: string): Promise<Message[]> {
    const entries = await this.data.use((redis) =>
      redis.xrevrange(this.streamKey(room), '+', '-', 'COUNT', HISTORY_LENGTH),
    );
    return entries.map(messageOf).toReversed();
  }

  private streamKey(room: string): string {
    return this.data.key(room, 'messages');
  }

  private membersKey(room: string): string {
    return this.data.key(room, 'members');
  }

  private roomsKey(userId: string): string {
    return this.data.key(`user:${userId}`, 'rooms');
  }
}

function messageOf([id, fields]: StreamEntry): Message {
  const values = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) values.set(fields[i] ?? '', fields[i + 1] ?? '');
  const value = (name: string) => values.get(name) ?? '';
  return {
    id,
    room: value('room'),
    user: userOf(value('user')),
    text: value('text'),
    // The id of an entry is the time in ms, and a counter within that millisecond.
    at: Number(id.split('-')[0]),
    clientId: value('client'),
  };
}
