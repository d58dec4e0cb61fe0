import { Injectable } from '@nestjs/common';
import { Data } from '../common/data.js';
import { Config } from '../config.js';

/**
 * Logins that ended before their tokens expired. `SessionService` of the library disconnects the connected clients.
 * This list refuses them when they reconnect, on all instances, including those that start later.
 */
@Injectable()
export class LoggedOut {
  constructor(
    private readonly data: Data,
    private readonly config: Config,
  ) {}

  async add(sessionId: string): Promise<void> {
    // After that no token of the login is valid any more.
    const { tokenSeconds } = this.config;
    await this.data.use((redis) => redis.set(this.keyOf(sessionId), '1', 'EX', tokenSeconds + 1));
  }

  /**
   * While Redis is down no login counts as logged out: tokens are short-lived, and otherwise an outage of Redis
   * would lock everybody out. An app that needs the opposite lets the error through.
   */
  async has(sessionId: string): Promise<boolean> {
    const found = this.data.use((redis) => redis.exists(this.keyOf(sessionId)));
    return (await found.catch(() => 0)) === 1;
  }

  private keyOf(sessionId: string): string {
    return this.data.key(sessionId, 'logged-out');
  }
}
