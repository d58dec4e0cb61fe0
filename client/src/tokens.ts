/** Why a token is needed. */
export interface TokenRequest {
  /**
   * `connect`: for a new connection; the token of before is fine while it is valid. `expiring`, `refused`: a newer one
   * is needed, since the server says that the last one ends soon, or has refused it.
   */
  readonly reason: 'connect' | 'expiring' | 'refused';
  /** With `refused`: the code of the server, such as `auth.token-expired`. */
  readonly code?: string | undefined;
}

/** The token of the user; `null` or undefined for a user who is not logged in. An error is tried again later. */
export type GetToken = (
  request: TokenRequest,
) => string | null | undefined | Promise<string | null | undefined>;

const TIMEOUT_MS = 20_000;

/** Asks the app for tokens, once at a time for all namespaces of a connection. @internal */
export class Tokens {
  private current: string | undefined;
  private connecting: Promise<string | undefined> | undefined;
  private renewing: Promise<string | undefined> | undefined;
  /** Each ends the wait for one answer of the app. */
  private readonly ends = new Set<() => void>();
  /** The number of renewals that have begun. */
  private renewals = 0;

  constructor(private readonly getToken: GetToken | undefined) {}

  /** A token for a new connection. */
  async forConnection(): Promise<string | undefined> {
    if (this.renewing !== undefined) return this.renewing;
    this.connecting ??= this.ask({ reason: 'connect' }).finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  /** A token that is newer than the `used` one, or again the used one if the app has none. */
  async after(used: string | undefined, request: TokenRequest): Promise<string | undefined> {
    // Another namespace has renewed it.
    if (this.renewing === undefined && this.current !== undefined && this.current !== used)
      return this.current;
    if (this.renewing === undefined) this.renewals += 1;
    this.renewing ??= this.ask(request).finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  /** Stops waiting for the app. */
  cancel(): void {
    for (const end of this.ends) end();
  }

  private async ask(request: TokenRequest): Promise<string | undefined> {
    const { renewals } = this;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let end: (() => void) | undefined;
    try {
      const given = await new Promise<Awaited<ReturnType<GetToken>>>((resolve, reject) => {
        end = () => reject(new Error('getToken takes too long'));
        timer = setTimeout(end, TIMEOUT_MS);
        this.ends.add(end);
        // The promise of the app may never settle.
        Promise.resolve(this.getToken?.(request)).then(resolve, reject);
      });
      const token = given ?? undefined;
      // A token that was asked for before a renewal began may be the old one.
      if (renewals === this.renewals) this.current = token;
      return token;
    } finally {
      clearTimeout(timer);
      if (end !== undefined) this.ends.delete(end);
    }
  }
}
