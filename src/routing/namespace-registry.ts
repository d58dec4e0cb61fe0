import type { PacketCodec, LocalNamespace } from './local-namespace.js';
import { nextTick } from '../reporting/timers.js';

const NO_NAMESPACES: ReadonlySet<LocalNamespace> = new Set();

/**
 * The namespaces of all Socket.IO servers of this instance, by name. Several servers (ports) may have a namespace of the
 * same name.
 */
export class NamespaceRegistry {
  private readonly byName = new Map<string, Set<LocalNamespace>>();

  add(namespace: LocalNamespace): void {
    const same = this.byName.get(namespace.name);
    if (same === undefined) this.byName.set(namespace.name, new Set([namespace]));
    else same.add(namespace);
  }

  delete(namespace: LocalNamespace): void {
    const same = this.byName.get(namespace.name);
    if (same?.delete(namespace) && same.size === 0) this.byName.delete(namespace.name);
  }

  named(name: string): ReadonlySet<LocalNamespace> {
    return this.byName.get(name) ?? NO_NAMESPACES;
  }

  *all(): Iterable<LocalNamespace> {
    for (const same of this.byName.values()) yield* same;
  }

  get isEmpty(): boolean {
    return this.byName.size === 0;
  }

  /** Connected sockets of all namespaces. */
  get socketCount(): number {
    let count = 0;
    for (const { socketCount } of this.all()) count += socketCount;
    return count;
  }

  /** The codec of a namespace, or of any other one if this instance does not have the namespace. */
  codecOf(name: string): PacketCodec | undefined {
    for (const { codec } of this.named(name)) return codec;
    for (const [{ codec } = { codec: undefined }] of this.byName.values()) return codec;
    return undefined;
  }
}

interface Newcomer {
  readonly id: string;
  /** Ms since 1970. */
  readonly since: number;
}

/**
 * Finds sockets that connected after an event was sent that is delivered late. Their clients may have received it on
 * another instance before.
 *
 * @internal
 */
export class RecentSockets {
  /** The newest first. Read once for all events that are delivered in one turn. */
  private readonly byNamespace = new Map<string, readonly Newcomer[]>();

  constructor(private readonly namespaces: NamespaceRegistry) {}

  /** The ids of sockets that connected after that moment, in ms since 1970. */
  connectedAfter(sentAt: number, namespace: string): string[] {
    let newcomers = this.byNamespace.get(namespace);
    if (newcomers === undefined) {
      if (this.byNamespace.size === 0) {
        // This cannot fail.
        nextTick(
          () => undefined,
          () => this.byNamespace.clear(),
        );
      }
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
