import { after, soon, type Failed } from '../reporting/timers.js';

/** The most items of one request, and the bytes of each there. */
const MAX_ITEMS = 500;
const ITEM_BYTES = 2_048;
/** The least time between two requests to an instance: what is asked meanwhile is one request. */
const APART_MS = 50;

/** The number of items that fit into one request. @internal */
export function itemsPer(maxMessageBytes: number): number {
  return Math.max(1, Math.min(MAX_ITEMS, Math.floor(maxMessageBytes / ITEM_BYTES)));
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
}

/** Collects what is asked of an instance at about the same moment: many clients come back together. @internal */
export class Batches<T, R> {
  /** An empty list: an instance was asked a moment ago. */
  private readonly waiting = new Map<string, Waiting<T, R>[]>();

  constructor(
    /** Resolves to a result for each item. */
    private readonly send: (to: string, items: readonly T[]) => Promise<readonly R[]>,
    /** The result of each item if `send` rejects. */
    private readonly otherwise: R,
    private readonly failed: Failed,
    private readonly maxItems = MAX_ITEMS,
    /** The time in which the first questions are collected, in ms. Undefined: one turn of the event loop. */
    private readonly collectMs?: number,
  ) {}

  add(to: string, item: T): Promise<R> {
    return new Promise((resolve) => {
      const waiting = this.waiting.get(to);
      if (waiting !== undefined) {
        waiting.push({ item, resolve });
        return;
      }
      this.waiting.set(to, [{ item, resolve }]);
      const flush = (): void => this.flush(to);
      if (this.collectMs === undefined) soon(this.failed, flush);
      else after(this.collectMs, this.failed, flush);
    });
  }

  private flush(to: string): void {
    const all = this.waiting.get(to) ?? [];
    this.waiting.delete(to);
    if (all.length === 0) return;
    this.waiting.set(to, []);
    after(this.collectMs ?? APART_MS, this.failed, () => this.flush(to)).unref();
    for (let first = 0; first < all.length; first += this.maxItems) {
      const some = all.slice(first, first + this.maxItems);
      this.send(
        to,
        some.map(({ item }) => item),
      ).then(
        (results) => {
          for (const [i, { resolve }] of some.entries()) resolve(results[i] ?? this.otherwise);
        },
        (error: unknown) => {
          this.failed(error);
          for (const { resolve } of some) resolve(this.otherwise);
        },
      );
    }
  }
}
