// The package has no types of its own.
declare module 'cluster-key-slot' {
  /** The hash slot (0 to 16383) of a key or sharded channel. */
  export default function calculateSlot(key: string | Buffer): number;
}
