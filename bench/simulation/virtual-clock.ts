/** Monotonic time before the first event, in ms: no instance starts at 0. */
const BEGINNING = 1_000;
/** 2026-01-01, in ms since 1970. */
const WALL_CLOCK = 1_767_225_600_000;

/** One instance, or Redis: its timers and messages, and the time that they take. */
export class Owner {
  /** Real time, in ms. */
  busyMs = 0;
  /** The end of a freeze, in virtual time: the owner does nothing until then. */
  frozenUntil = -Infinity;
  isDead = false;
}

interface Event {
  at: number;
  readonly order: number;
  readonly owner: Owner;
  /** Messages wait in a socket: after a freeze the timers come first. */
  readonly isMessage: boolean;
  act: (() => void) | undefined;
}

class VirtualTimer {
  constructor(
    private readonly event: Event,
    private readonly repeat: () => void,
  ) {}

  ref = (): this => this;
  unref = (): this => this;
  hasRef = (): boolean => true;
  refresh(): this {
    this.repeat();
    return this;
  }
  close(): void {
    this.event.act = undefined;
  }
}

const clear = (timer: VirtualTimer | undefined): void => timer?.close();

/**
 * A clock that jumps to the next event, in place of the timers, clocks and random numbers of this process. Every
 * timer belongs to the owner that was at work when it was set.
 */
export class VirtualClock {
  /** The real time of all owners, in ms. */
  busyMs = 0;
  private readonly heap: Event[] = [];
  private time = BEGINNING;
  private order = 0;
  private current = new Owner();
  private readonly real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
    performance: globalThis.performance,
  };
  private readonly realDate = Date.now;
  private readonly realRandom = Math.random;

  constructor(private seed: number) {}

  get now(): number {
    return this.time;
  }

  /** A number from 0 to 1, the same in each run with the same seed (mulberry32). */
  readonly random = (): number => {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** Replaces the clocks of this process. Returns a function that restores them. */
  install(): () => void {
    const setTimeout = (act: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.timer(Math.max(1, ms), false, () => act(...args));
    const setInterval = (act: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.timer(Math.max(1, ms), true, () => act(...args));
    const setImmediate = (act: (...args: unknown[]) => void, ...args: unknown[]) =>
      this.timer(0, false, () => act(...args));
    const performance = { now: () => this.time, timeOrigin: WALL_CLOCK };
    put({
      setTimeout,
      setInterval,
      setImmediate,
      performance,
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    });
    Date.now = () => Math.floor(WALL_CLOCK + this.time);
    Math.random = this.random;
    return () => {
      put(this.real);
      Date.now = this.realDate;
      Math.random = this.realRandom;
    };
  }

  /** An event of an owner, after some time. */
  after(ms: number, owner: Owner, act: () => void): void {
    this.add({ at: this.time + ms, order: this.order++, owner, isMessage: false, act });
  }

  /** A message that reaches an owner at a time. */
  arrive(at: number, owner: Owner, act: () => void): void {
    this.add({ at, order: this.order++, owner, isMessage: true, act });
  }

  /** Runs all events of the next `ms`. */
  async run(ms: number): Promise<void> {
    const until = this.time + ms;
    for (let next = this.heap[0]; next !== undefined && next.at <= until; next = this.heap[0]) {
      this.takeFirst();
      const { owner, act, at, isMessage } = next;
      if (act === undefined || owner.isDead) continue;
      if (owner.frozenUntil > at) {
        next.at = owner.frozenUntil + (isMessage ? 0.001 : 0);
        this.add(next);
        continue;
      }
      this.time = Math.max(this.time, at);
      this.current = owner;
      const startedAt = this.real.performance.now();
      act();
      await this.drained();
      const tookMs = this.real.performance.now() - startedAt;
      owner.busyMs += tookMs;
      this.busyMs += tookMs;
    }
    this.time = until;
  }

  /** Resolves once everything that follows from an event without a timer has happened. */
  private drained(): Promise<void> {
    return new Promise((resolve) => {
      this.real.setImmediate(resolve);
    });
  }

  private timer(ms: number, repeats: boolean, act: () => void): VirtualTimer {
    const owner = this.current;
    const event: Event = {
      at: this.time + ms,
      order: this.order++,
      owner,
      isMessage: false,
      act: () => {
        if (repeats) again();
        act();
      },
    };
    const run = event.act;
    const again = (): void => {
      event.at = this.time + ms;
      event.act = run;
      this.add(event);
    };
    this.add(event);
    return new VirtualTimer(event, again);
  }

  private add(event: Event): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Event;
      if (isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  private takeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      const below = heap[child] as Event;
      if (isBefore(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function put(properties: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
