const SEPARATOR = '\u001e';

/** A hand-written client for Engine.IO's long polling. Between two polls the server cannot send to it. */
export class PollingClient {
  private constructor(private readonly url: string) {}

  /** Joins the root namespace. */
  static async connect(origin: string): Promise<PollingClient> {
    const url = `${origin}/socket.io/?EIO=4&transport=polling`;
    const opened = await (await fetch(url)).text();
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
    const client = new PollingClient(`${url}&sid=${sid}`);
    await fetch(client.url, { method: 'POST', body: '40' });
    const [connected] = await client.poll();
    if (!connected?.startsWith('40')) throw new Error(`not connected: ${connected}`);
    return client;
  }

  /** Joins another namespace. */
  async join(namespace: string): Promise<void> {
    await fetch(this.url, { method: 'POST', body: `40${namespace},` });
    const [connected] = await this.poll();
    if (!connected?.startsWith(`40${namespace},`)) throw new Error(`not connected: ${connected}`);
  }

  /** Sends one poll. Resolves to its packets; the poll waits until there is one. */
  async poll(): Promise<string[]> {
    return (await (await fetch(this.url)).text()).split(SEPARATOR);
  }
}
