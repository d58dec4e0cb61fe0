import type { ChannelHandle } from '../../channels/channels.js';
import type { EventRouter } from '../../routing/event-router.js';
import { targetOfRoom } from '../../routing/reserved-rooms.js';

/** The channels of a namespace that has sockets on this instance, and of the rooms that they are in. */
export class RoomChannels {
  private readonly holds = new Map<string, ChannelHandle>();

  private namespaceHold: ChannelHandle | undefined;

  constructor(
    private readonly namespace: string,
    private readonly router: Pick<EventRouter, 'hold'>,
  ) {}

  /** Called when a socket is being admitted or joins a room. */
  occupied(): void {
    this.namespaceHold ??= this.router.hold({ kind: 'all', namespace: this.namespace });
  }

  /** Called when the last socket has left: this server no longer needs the events of the namespace. */
  vacated(): void {
    this.namespaceHold?.release();
    this.namespaceHold = undefined;
  }

  open(room: string): void {
    const target = targetOfRoom(this.namespace, room);
    if (target !== undefined) this.holds.set(room, this.router.hold(target));
  }

  close(room: string): void {
    this.holds.get(room)?.release();
    this.holds.delete(room);
  }

  /** Keeps the channels of the namespace and of these rooms, even without sockets, until `release` is called. */
  keep(rooms: readonly string[]): { ready: Promise<void> | undefined; release: () => void } {
    const targets = rooms.map((room) => targetOfRoom(this.namespace, room));
    const holds = [{ kind: 'all' as const, namespace: this.namespace }, ...targets].flatMap(
      (target) => (target === undefined ? [] : [this.router.hold(target)]),
    );
    return {
      ready: readiness(holds),
      release: () => {
        for (const hold of holds) hold.release();
      },
    };
  }

  closeAll(): void {
    this.vacated();
    for (const hold of this.holds.values()) hold.release();
    this.holds.clear();
  }

  /**
   * Resolves once events for the namespace and these rooms arrive, or the wait has timed out. Undefined if all channels
   * are subscribed already, as for most sockets that join a room.
   */
  ready(rooms: Iterable<string>): Promise<void> | undefined {
    const holds = [this.namespaceHold];
    for (const room of rooms) holds.push(this.holds.get(room));
    return readiness(holds);
  }
}

function readiness(holds: readonly (ChannelHandle | undefined)[]): Promise<void> | undefined {
  const pending: Promise<void>[] = [];
  for (const hold of holds) if (hold?.settled === false) pending.push(hold.ready);
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
}
