const SEPARATOR = '\u001e';

/** A client that speaks Engine.IO's long polling by hand: between two polls it is not ready to receive. */
export class PollingClient {
  private constructor(private readonly url: string) {}

  /** Connects to the root namespace. */
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

  /** The packets of the next answer, which waits for one if there is none. */
  async poll(): Promise<string[]> {
    return (await (await fetch(this.url)).text()).split(SEPARATOR);
  }
}
