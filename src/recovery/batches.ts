import { after, soon, type Failed } from '../reporting/timers.js';

/** The most items of one request. */
const MAX_ITEMS = 500;

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
}

/** Collects what is asked of an instance at about the same moment: many clients come back together. @internal */
export class Batches<T, R> {
  private readonly waiting = new Map<string, Waiting<T, R>[]>();

  constructor(
    /** Resolves to a result for each item. */
    private readonly send: (to: string, items: readonly T[]) => Promise<readonly R[]>,
    /** The result of each item if `send` rejects. */
    private readonly otherwise: R,
    private readonly failed: Failed,
    /** For how long questions are collected, in ms. Undefined: in one turn of the event loop. */
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
    for (let first = 0; first < all.length; first += MAX_ITEMS) {
      const some = all.slice(first, first + MAX_ITEMS);
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
