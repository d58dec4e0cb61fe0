import type { PacketCodec, LocalNamespace } from './local-namespace.js';

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
