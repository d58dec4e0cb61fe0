/** Who an event is for, within one namespace. */
export type Target =
  | { readonly kind: 'all' | 'authenticated'; readonly namespace: string }
  | { readonly kind: 'user' | 'room'; readonly namespace: string; readonly id: string };

/**
 * The channel of a target. It is a key and never parsed. Two targets never share one: inside a namespace `%`
 * and `:` are percent-encoded, and a user id or room comes last, as it is. The form is public: see
 * `docs/protocol.md`.
 *
 * @internal
 */
export function channelOf(prefix: string, target: Target): string {
  const base = `${prefix}:${encodedNamespace(target.namespace)}:${target.kind}`;
  return 'id' in target ? `${base}:${target.id}` : base;
}

/** The channel that every instance is subscribed to. @internal */
export function clusterChannel(prefix: string): string {
  return `${prefix}:cluster`;
}

/** The channel of one instance. @internal */
export function replyChannel(prefix: string, instanceId: string): string {
  return `${prefix}:reply:${instanceId}`;
}

/** A namespace as Socket.IO names it: with a slash in front. @internal */
export function normalisedNamespace(namespace: string): string {
  return namespace.startsWith('/') ? namespace : `/${namespace}`;
}

function encodedNamespace(namespace: string): string {
  return namespace.replace(/[%:]/g, (character) => (character === '%' ? '%25' : '%3A'));
}
