/** The session of a logged-in user. */
export class Session {
  private constructor(
    private readonly url: string,
    private readonly refreshToken: string,
  ) {}

  static async logIn(url: string, name: string, password: string): Promise<Session> {
    const { refreshToken } = await post<{ refreshToken: string }>(`${url}/login`, {
      name,
      password,
    });
    return new Session(url, refreshToken);
  }

  /** A token for a socket. Rejects if the user has to log in again. */
  async freshToken(): Promise<string> {
    const { refreshToken } = this;
    const { token } = await post<{ token: string }>(`${this.url}/refresh`, { refreshToken });
    return token;
  }
}

async function post<Answer>(url: string, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return (await response.json()) as Answer;
}
