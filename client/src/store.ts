/** A value that changes over time, in the form of React's `useSyncExternalStore(store.subscribe, store.get)`. */
export interface Store<Value> {
  /** The value of now: the same object until it changes. */
  readonly get: () => Value;
  /** Calls the listener after each change. Returns a function that ends the subscription. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Calls each listener. One that throws does not keep the others from their call: its error is reported as uncaught. */
export class Listeners<Args extends readonly unknown[]> {
  private readonly all = new Set<(...args: Args) => void>();

  readonly add = (listener: (...args: Args) => void): (() => void) => {
    // Wrap the listener: one that is added twice is called twice.
    const one = (...args: Args): void => listener(...args);
    this.all.add(one);
    return () => {
      this.all.delete(one);
    };
  };

  call(...args: Args): void {
    for (const listener of this.all) {
      try {
        listener(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** A {@link Store} that its owner sets. @internal */
export class Value<T> implements Store<T> {
  private readonly listeners = new Listeners<[]>();

  constructor(private value: T) {}

  readonly get = (): T => this.value;

  readonly subscribe = (listener: () => void): (() => void) => this.listeners.add(listener);

  set(value: T): void {
    this.value = value;
    this.listeners.call();
  }
}
