interface Route {
  /** The node that has the channel's slot, as far as is known, and gets what is under way. */
  node: string | undefined;
  underWay: number;
  /** What comes after it, in order. */
  readonly waiting: (() => void)[];
}

/**
 * Keeps the order of a channel while its slot moves: what goes to the new node waits for what was sent to the old one,
 * which may still take it, or send it on.
 *
 * @internal
 */
export class SlotOrder {
  /** Of channels with something under way. */
  private readonly routes = new Map<string, Route>();

  constructor(private readonly nodeOf: (channel: string) => string | undefined) {}

  /** @param send is called when its turn has come; `settled` is to be called once it is over */
  enter(channel: string, send: (settled: () => void) => void): void {
    const node = this.nodeOf(channel);
    let route = this.routes.get(channel);
    if (route === undefined) {
      route = { node, underWay: 0, waiting: [] };
      this.routes.set(channel, route);
    }
    const { waiting } = route;
    if (waiting.length === 0 && route.node === node) this.go(channel, route, send);
    else waiting.push(() => this.go(channel, route, send));
  }

  private go(channel: string, route: Route, send: (settled: () => void) => void): void {
    route.underWay++;
    send(() => this.left(channel, route));
  }

  private left(channel: string, route: Route): void {
    route.underWay--;
    if (route.underWay > 0) return;
    if (route.waiting.length === 0) {
      this.routes.delete(channel);
      return;
    }
    route.node = this.nodeOf(channel);
    // The last one leaves after all have entered.
    route.underWay++;
    for (const go of route.waiting.splice(0)) go();
    this.left(channel, route);
  }
}
