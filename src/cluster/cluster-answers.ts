import type { ClusterCount, ClusterResult } from './cluster-result.js';
import type { ClusterRequests, RequestToCluster } from './cluster-requests.js';

const isObject = (item: unknown): boolean => typeof item === 'object' && item !== null;

type Question = Omit<RequestToCluster, 'onPart' | 'onAllHeard'>;

/**
 * Asks the other instances for lists, and joins them.
 *
 * @param isItem whether it can be an item of the lists; other answers are reported and not taken
 * @throws PropagatorError at once `event.unserialisable`, `event.too-large`
 * @internal
 */
export function collected<T>(
  requests: ClusterRequests,
  question: Question,
  isItem: (item: unknown) => boolean = isObject,
): Promise<ClusterResult<T>> {
  const items: T[] = [];
  const outcome = requests.request({
    ...question,
    onPart: (_, part) => {
      if (!Array.isArray(part)) return;
      if (!part.every(isItem)) throw new TypeError('it is no list of what was asked for');
      for (const item of part as T[]) items.push(item);
    },
  });
  return outcome.then(({ missing, complete }) => ({ items, missing, complete }));
}

/**
 * Has the other instances do something, and says to how many sockets they did it.
 *
 * @throws PropagatorError at once, with nothing done: `event.unserialisable`, `event.too-large`
 * @internal
 */
export function counted(requests: ClusterRequests, question: Question): Promise<ClusterCount> {
  let count = 0;
  const outcome = requests.request({
    ...question,
    onPart: (_, part) => {
      if (Number.isSafeInteger(part) && (part as number) >= 0) count += part as number;
    },
  });
  return outcome.then(({ missing, complete }) => ({ count, missing, complete }));
}
