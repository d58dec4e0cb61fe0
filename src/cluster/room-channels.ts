import type { ChannelHold } from './channel-holds.js';
import type { EventRouter } from './event-router.js';
import { targetOfRoom } from './reserved-rooms.js';

/** The channels of the rooms that have a socket in a namespace of this instance. */
export class RoomChannels {
  private readonly holds = new Map<string, ChannelHold>();

  constructor(
    private readonly namespace: string,
    private readonly router: Pick<EventRouter, 'hold'>,
  ) {}

  open(room: string): void {
    const target = targetOfRoom(this.namespace, room);
    if (target !== undefined) this.holds.set(room, this.router.hold(target));
  }

  close(room: string): void {
    this.holds.get(room)?.release();
    this.holds.delete(room);
  }

  closeAll(): void {
    for (const hold of this.holds.values()) hold.release();
    this.holds.clear();
  }

  /** Undefined where there is nothing to wait for, as for most sockets that join a room. */
  ready(rooms: Iterable<string>): Promise<void> | undefined {
    const pending: Promise<void>[] = [];
    for (const room of rooms) {
      const hold = this.holds.get(room);
      if (hold !== undefined && !hold.settled) pending.push(hold.ready);
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }
}
