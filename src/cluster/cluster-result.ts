import type { ClusterRequests, RequestToCluster } from './cluster-requests.js';

/** The replies of several instances. Partial results are kept, and the result says what is missing. */
export interface ClusterResult<T> {
  readonly items: readonly T[];
  /** Ids of the instances that should have replied and did not, as far as they are known. */
  readonly missing: readonly string[];
  /** Whether every instance replied. False with an empty `missing`: the request could not be sent over Redis. */
  readonly complete: boolean;
}

/** The number of affected sockets, on all instances that replied. */
export interface ClusterCount {
  readonly count: number;
  readonly missing: readonly string[];
  readonly complete: boolean;
}

type RequestForResult = Omit<RequestToCluster, 'onPart' | 'onAllStarted'>;

/**
 * Asks the other instances for lists, and joins them.
 *
 * @param isItem whether a value can be an item of the lists; other values are reported and left out, and their
 * instance counts as missing
 * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
 * @internal
 */
export function collect<T>(
  requests: ClusterRequests,
  request: RequestForResult,
  isItem: (item: unknown) => boolean,
): Promise<ClusterResult<T>> {
  const items: T[] = [];
  const outcome = requests.request({
    ...request,
    onPart: (_, part) => {
      if (part === undefined) return;
      if (!Array.isArray(part)) throw new TypeError('the part is not a list');
      let others = 0;
      for (const item of part as T[]) {
        if (isItem(item)) items.push(item);
        else others++;
      }
      if (others > 0)
        throw new TypeError(`${others} of ${part.length} items do not have the requested form`);
    },
  });
  return outcome.then(({ missing, complete }) => ({ items, missing, complete }));
}

/**
 * Makes the other instances carry out a command. Returns the number of affected sockets.
 *
 * @throws PropagatorError at once, with nothing done: `event.unserialisable`, `event.too-large`
 * @internal
 */
export function sum(requests: ClusterRequests, request: RequestForResult): Promise<ClusterCount> {
  let count = 0;
  const outcome = requests.request({
    ...request,
    onPart: (_, part) => {
      if (!Number.isSafeInteger(part) || (part as number) < 0)
        throw new TypeError('the part is not a count');
      count += part as number;
    },
  });
  return outcome.then(({ missing, complete }) => ({ count, missing, complete }));
}
