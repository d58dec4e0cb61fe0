import type { RedisClient } from '../options/redis-options.js';
import { isClusterClient } from './ioredis-internals.js';

/** The parts of ioredis' client, in versions 5 and 6, that say where it is connected to. */
interface ConnectedClient {
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number } | null;
  info?(section: string): Promise<string>;
}

/**
 * Which Redis process the publishing connection goes to. Instances with the same name share one order of all their
 * publishes. An ACL may forbid to ask Redis for it; the address is the next best name, although another process may get it.
 *
 * @internal
 */
export class ServerName {
  private current: string | undefined;
  /** Incremented for each connection: a reply of an earlier one says nothing. */
  private generation = 0;

  constructor(private readonly client: RedisClient) {}

  /** Undefined until it is known. */
  get name(): string | undefined {
    return this.current;
  }

  /** The connection is open. */
  opened(): void {
    // Each node of a Cluster is a server of its own.
    if (isClusterClient(this.client)) return;
    const generation = ++this.generation;
    this.current = undefined;
    const known = (name: string | undefined): void => {
      if (generation === this.generation) this.current = name ?? this.address;
    };
    const client = this.client as ConnectedClient;
    if (typeof client.info !== 'function') {
      known(undefined);
      return;
    }
    client.info('server').then(
      (reply) => known(/^run_id:(\w+)/m.exec(reply)?.[1]),
      () => known(undefined),
    );
  }

  closed(): void {
    this.generation++;
    this.current = undefined;
  }

  private get address(): string | undefined {
    const { remoteAddress, remotePort } = (this.client as ConnectedClient).stream ?? {};
    return remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`;
  }
}
