/**
 * Rooms that sockets of other instances are being told to join. Until they have joined, and their instances are
 * subscribed, events for these rooms go over the channel of the namespace: `socketsJoin(room)` and `to(room).emit()`
 * right after it work as on one instance.
 *
 * @internal
 */
export class PendingJoins {
  /** Number of commands in flight by namespace and room. */
  private readonly commands = new Map<string, number>();

  /** Counts the rooms as being joined until `joined` resolves or rejects. Its caller handles a rejection. */
  add(namespace: string, rooms: readonly string[], joined: Promise<unknown>): void {
    const keys = rooms.map((room) => keyOf(namespace, room));
    for (const key of keys) this.commands.set(key, (this.commands.get(key) ?? 0) + 1);
    const end = (): void => {
      for (const key of keys) this.end(key);
    };
    joined.then(end, end);
  }

  /** Whether a socket may be about to join the room. */
  has(namespace: string, room: string | undefined): boolean {
    // Each event for one room asks this, and mostly nothing is pending.
    return (
      this.commands.size > 0 && room !== undefined && this.commands.has(keyOf(namespace, room))
    );
  }

  private end(key: string): void {
    const left = (this.commands.get(key) ?? 0) - 1;
    if (left > 0) this.commands.set(key, left);
    else this.commands.delete(key);
  }
}

function keyOf(namespace: string, room: string): string {
  return `${namespace}\0${room}`;
}
