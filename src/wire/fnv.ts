/**
 * Hashes a name, for comparing or partitioning many names: FNV-1a (RFC 9923), 32 bits, over the UTF-16 code units.
 * All instances must use the same hash.
 *
 * @internal
 */
export function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
