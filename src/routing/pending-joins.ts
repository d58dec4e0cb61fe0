/**
 * Rooms that sockets of other instances are about to join by a command. Until the sockets have joined, and their instances
 * are subscribed, events for these rooms go over the channel of the namespace. So `to(room).emit()` right after
 * `socketsJoin(room)` works as on one instance.
 *
 * @internal
 */
export class PendingJoins {
  /** Number of commands in flight by namespace and room. */
  private readonly commands = new Map<string, number>();

  /** Keeps the rooms pending until `joined` settles. The caller handles a rejection. */
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
    // Called for each event for one room; mostly nothing is pending.
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
