import { Agent, request } from 'node:http';

const SEPARATOR = '\u001e';

/** The response to one request. */
export interface PollingAnswer {
  readonly status: number;
  readonly body: string;
}

/** A hand-written long-polling client that ignores the rules of Engine.IO and Socket.IO. */
export class RawPollingClient {
  private constructor(
    private readonly origin: string,
    private readonly agent: Agent,
    readonly sid: string,
  ) {}

  /** Opens a connection without joining a namespace. */
  static async open(origin: string, agent: Agent): Promise<RawPollingClient> {
    const { body } = await send(`${origin}${PATH}`, agent);
    const { sid } = JSON.parse(body.slice(1)) as { sid: string };
    return new RawPollingClient(origin, agent, sid);
  }

  /** Sends packets of Socket.IO in one payload. */
  post(...packets: string[]): Promise<PollingAnswer> {
    return this.postTo(this.sid, ...packets);
  }

  /** Like {@link post}, for a connection that may belong to another client. */
  postTo(sid: string, ...packets: string[]): Promise<PollingAnswer> {
    const body = packets.map((packet) => `4${packet}`).join(SEPARATOR);
    return send(`${this.origin}${PATH}&sid=${sid}`, this.agent, body);
  }

  /** The packets of the next response. */
  async poll(): Promise<string[]> {
    return (await send(`${this.origin}${PATH}&sid=${this.sid}`, this.agent)).body.split(SEPARATOR);
  }

  /** Begins a POST and never sends its whole body. Returns a function that ends it. */
  stall(): () => void {
    const post = request(`${this.origin}${PATH}&sid=${this.sid}`, {
      method: 'POST',
      agent: false,
      headers: { 'Content-Length': 100, 'Content-Type': 'text/plain' },
    });
    post.on('error', () => undefined);
    post.write('42');
    return () => post.destroy();
  }
}

const PATH = '/socket.io/?EIO=4&transport=polling';

function send(url: string, agent: Agent, body?: string): Promise<PollingAnswer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request(url, { method, agent, headers: { 'Content-Type': 'text/plain' } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.end(body);
  });
}
