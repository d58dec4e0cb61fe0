import type { RedisClient } from '../options/redis-options.js';

type Listener = Parameters<RedisClient['on']>[1];

/**
 * Manages our listeners on one ioredis client, which may have other listeners as well.
 *
 * @internal
 */
export class ClientEvents {
  private readonly listeners: readonly [event: string, listener: Listener][];
  private attached = false;

  constructor(
    private readonly client: RedisClient,
    private readonly owned: boolean,
    listeners: Record<string, Listener>,
    /** Called with an error of a listener, which would otherwise end the process. */
    threw: (error: unknown) => void,
  ) {
    this.listeners = Object.entries(listeners).map(([event, listener]) => [
      event,
      // ioredis passes at most two arguments. No rest parameter, because messages of Redis pass through here.
      (first: unknown, second: unknown) => {
        try {
          listener(first, second);
        } catch (error) {
          threw(error);
        }
      },
    ]);
  }

  attach(): void {
    if (this.attached) return;
    this.attached = true;
    for (const [event, listener] of this.listeners) this.client.on(event, listener);
  }

  /**
   * The 'error' listener of clients that we own is needed until they are gone. Clients of the app lose all our
   * listeners.
   */
  detach(): void {
    for (const [event, listener] of this.listeners) {
      if (event !== 'error' || !this.owned) this.client.off(event, listener);
    }
    this.attached = false;
  }
}
