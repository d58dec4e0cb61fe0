/**
 * A number for a name, where many names are compared or divided: FNV-1a (RFC 9923), 32 bits, over the UTF-16 code
 * units. Instances have to agree on it.
 *
 * @internal
 */
export function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
