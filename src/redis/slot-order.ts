interface Route {
  /** The node that has the slot of the channel, as far as is known, and gets the publishes in flight. */
  node: string | undefined;
  inFlight: number;
  /** Publishes for the next node, in order. */
  readonly waiting: (() => void)[];
}

/**
 * Keeps the order of a channel while its slot moves: publishes to the new node wait for those to the old one, which
 * may still accept or forward them.
 *
 * @internal
 */
export class SlotOrder {
  /** Channels with publishes in flight. */
  private readonly routes = new Map<string, Route>();

  constructor(private readonly nodeOf: (channel: string) => string | undefined) {}

  /** @param send is called when it is the channel's turn, and has to call `settled` once Redis has replied */
  enter(channel: string, send: (settled: () => void) => void): void {
    const node = this.nodeOf(channel);
    let route = this.routes.get(channel);
    if (route === undefined) {
      route = { node, inFlight: 0, waiting: [] };
      this.routes.set(channel, route);
    }
    const { waiting } = route;
    if (waiting.length === 0 && route.node === node) this.go(channel, route, send);
    else waiting.push(() => this.go(channel, route, send));
  }

  private go(channel: string, route: Route, send: (settled: () => void) => void): void {
    route.inFlight++;
    send(() => this.left(channel, route));
  }

  private left(channel: string, route: Route): void {
    route.inFlight--;
    if (route.inFlight > 0) return;
    if (route.waiting.length === 0) {
      this.routes.delete(channel);
      return;
    }
    route.node = this.nodeOf(channel);
    // The last one leaves after all have entered.
    route.inFlight++;
    for (const go of route.waiting.splice(0)) go();
    this.left(channel, route);
  }
}
