import type { LoginResponse } from '../../../shared/http.js';
import { ApiError, ask } from './api.js';
import type { Instances } from './instances.js';
import { Store } from './store.js';

export interface LoggedIn extends LoginResponse {
  /** How often the token was renewed since the login, and when for the last time. */
  readonly renewals: number;
  readonly renewedAt: number | null;
}

const KEY = 'relay.session';
/** A token that expires sooner than this is renewed before it is used for a connection. */
const TOO_SHORT_MS = 3000;

/**
 * The user of this tab. Kept in sessionStorage and not in localStorage: a reload stays logged in, and two tabs can
 * be two users.
 */
export class Session {
  readonly state: Store<LoggedIn | null>;
  /** Why the last session ended, for the login page. */
  readonly farewell = new Store<string | null>(null);
  private renewal: Promise<string> | undefined;

  constructor(
    private readonly instances: Instances,
    private readonly storage: Storage,
  ) {
    this.state = new Store(read(storage));
  }

  async login(name: string, password: string): Promise<void> {
    const answer = await ask<LoginResponse>(this.instances, {
      path: '/auth/login',
      body: { name, password },
    });
    this.farewell.set(null);
    this.keep({ ...answer, renewals: 0, renewedAt: null });
  }

  end(why: string | null = null): void {
    this.storage.removeItem(KEY);
    this.farewell.set(why);
    this.state.set(null);
  }

  /** A token that is valid now. */
  async token(): Promise<string> {
    const now = this.state.get();
    if (now === null) throw new ApiError(401, 'Nobody is logged in.');
    return now.expiresAt - Date.now() > TOO_SHORT_MS ? now.token : this.renew();
  }

  /** A token that was issued just now. */
  renew(): Promise<string> {
    this.renewal ??= this.renewed().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  private async renewed(): Promise<string> {
    const before = this.state.get();
    if (before === null) throw new ApiError(401, 'Nobody is logged in.');
    const answer = await ask<LoginResponse>(this.instances, {
      method: 'POST',
      path: '/auth/refresh',
      token: before.token,
    });
    this.keep({ ...answer, renewals: before.renewals + 1, renewedAt: Date.now() });
    return answer.token;
  }

  private keep(session: LoggedIn): void {
    this.storage.setItem(KEY, JSON.stringify(session));
    this.state.set(session);
  }
}

function read(storage: Storage): LoggedIn | null {
  try {
    return JSON.parse(storage.getItem(KEY) ?? 'null') as LoggedIn | null;
  } catch {
    return null;
  }
}
