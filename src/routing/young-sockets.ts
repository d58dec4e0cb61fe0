import type { NamespaceRegistry } from './namespace-registry.js';

interface Newcomer {
  readonly id: string;
  /** Ms since 1970. */
  readonly since: number;
}

/**
 * Which sockets connected after an event was sent that is delivered late. A client may have got it from another
 * instance, before it came here.
 *
 * @internal
 */
export class YoungSockets {
  /** The last to come first. Made once for all that is delivered in one go. */
  private readonly byNamespace = new Map<string, readonly Newcomer[]>();

  constructor(private readonly namespaces: NamespaceRegistry) {}

  /** The ids of those that came after that moment, in ms since 1970. */
  laterThan(sentAt: number, namespace: string): string[] {
    let newcomers = this.byNamespace.get(namespace);
    if (newcomers === undefined) {
      if (this.byNamespace.size === 0) queueMicrotask(() => this.byNamespace.clear());
      newcomers = this.newcomersOf(namespace);
      this.byNamespace.set(namespace, newcomers);
    }
    const later: string[] = [];
    for (const { id, since } of newcomers) {
      if (since <= sentAt) break;
      later.push(id);
    }
    return later;
  }

  private newcomersOf(name: string): Newcomer[] {
    const all = { namespace: name, rooms: [], except: [] };
    return [...this.namespaces.named(name)]
      .flatMap((namespace) => namespace.select(all))
      .filter(({ recovered }) => !recovered)
      .map(({ id, handshake }) => ({ id, since: handshake.issued }))
      .toSorted((a, b) => b.since - a.since);
  }
}
