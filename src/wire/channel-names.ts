/** The target of an event within one namespace. */
export type Target =
  | { readonly kind: 'all' | 'authenticated'; readonly namespace: string }
  | { readonly kind: 'user' | 'room'; readonly namespace: string; readonly id: string };

/** Up to twice as many names are cached; clients can request any number of dynamic namespaces. */
const MAX_REMEMBERED = 1_000;

/** Bytes of UTF-8 for each UTF-16 code unit, at most. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * The channels of targets. The name of a channel is a key and is never parsed. Two targets never share one: `%` and
 * `:` in a namespace are percent-encoded, and a user id or room comes last, unchanged. The form is public: see
 * `docs/protocol.md`.
 *
 * @internal
 */
export class ChannelNames {
  private recent = new Map<string, string>();
  /** The previous generation. A name that is used again moves to the current one; the others are dropped with it. */
  private before = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  of(target: Target): string {
    const base = this.recent.get(target.namespace) ?? this.remember(target.namespace);
    return 'id' in target ? `${base}${target.kind}:${target.id}` : base + target.kind;
  }

  private remember(namespace: string): string {
    const base = this.before.get(namespace) ?? `${this.prefix}:${encodedNamespace(namespace)}:`;
    if (this.recent.size >= MAX_REMEMBERED) {
      this.before = this.recent;
      this.recent = new Map();
    }
    this.recent.set(namespace, base);
    return base;
  }
}

/** Whether a name takes more than this many bytes in UTF-8. Short names are not counted. @internal */
export function isLonger(name: string, bytes: number): boolean {
  if (name.length * MAX_BYTES_PER_UNIT <= bytes) return false;
  return name.length > bytes || Buffer.byteLength(name) > bytes;
}

/** The channel that every instance is subscribed to. @internal */
export function clusterChannel(prefix: string): string {
  return `${prefix}:cluster`;
}

/** The channel of one instance. @internal */
export function replyChannel(prefix: string, instanceId: string): string {
  return `${prefix}:reply:${instanceId}`;
}

/** The channel of the marks that an instance publishes to itself. @internal */
export function markChannel(prefix: string, instanceId: string): string {
  return `${prefix}:mark:${instanceId}`;
}

/** A namespace as Socket.IO names it: with a leading slash. @internal */
export function normalisedNamespace(namespace: string): string {
  return namespace.startsWith('/') ? namespace : `/${namespace}`;
}

function encodedNamespace(namespace: string): string {
  return namespace.replace(/[%:]/g, (character) => (character === '%' ? '%25' : '%3A'));
}
