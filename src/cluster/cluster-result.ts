/** What several instances answered. Partial data is never thrown away; it says what is missing. */
export interface ClusterResult<T> {
  readonly items: readonly T[];
  /** Ids of the instances that should have answered and did not, as far as they are known. */
  readonly missing: readonly string[];
  /** Whether everybody answered. False with nobody missing: Redis could not be asked. */
  readonly complete: boolean;
}

/** How many sockets something happened to, on all instances that answered. */
export interface ClusterCount {
  readonly count: number;
  readonly missing: readonly string[];
  readonly complete: boolean;
}
