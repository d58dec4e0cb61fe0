import { Injectable } from '@nestjs/common';
import { Data } from '../common/data.js';
import { Config } from '../config.js';

/**
 * Logins that were ended before their tokens do. `SessionService` of the library disconnects those who are here; this
 * keeps them from coming back, on all instances, also on those that start later.
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
   * While Redis is away nobody counts as logged out: tokens are short-lived, and the other way round an outage of Redis
   * would lock everybody out. An app for which that is wrong lets the failure through.
   */
  async has(sessionId: string): Promise<boolean> {
    const found = this.data.use((redis) => redis.exists(this.keyOf(sessionId)));
    return (await found.catch(() => 0)) === 1;
  }

  private keyOf(sessionId: string): string {
    return this.data.key(sessionId, 'logged-out');
  }
}
