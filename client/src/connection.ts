import type { Manager, Socket } from 'socket.io-client';
import { delayAfter } from './delay.js';
import { Link, type LinkDeps } from './link.js';
import { Tokens, type GetToken } from './tokens.js';
import type { Delays } from './delay.js';
import type { OutboxOptions } from './outbox.js';

/** @internal */
export interface ConnectionOptions extends Delays {
  readonly reconnection?: boolean | undefined;
  readonly getToken?: GetToken | undefined;
  readonly auth?: object | (() => object) | undefined;
  readonly outbox?: OutboxOptions | undefined;
}

/** The browser tells when it is online again. Node does not. */
type Target = Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>;
const page = globalThis as Target;

/** A Manager of Socket.IO with a {@link Link} for each namespace. Its own reconnection is off: the links do that. @internal */
export class Connection {
  private readonly links = new Map<Socket, Link>();
  private readonly deps: LinkDeps;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lossMs: number | undefined;
  private reopen = false;

  constructor(
    private readonly manager: Manager,
    private readonly url: string | (() => string),
    options: ConnectionOptions,
  ) {
    const { getToken, auth, outbox } = options;
    this.deps = {
      tokens: new Tokens(getToken),
      delays: options,
      outbox,
      auth: () => (typeof auth === 'function' ? auth() : (auth ?? {})),
      prepare: () => this.prepare(),
      wake: () => this.wake(),
      closed: () => {
        const links = [...this.links.values()];
        if (links.every(({ status }) => status.get().state === 'closed')) this.deps.tokens.cancel();
      },
      lossDelay: (failures) => this.lossDelay(failures, options),
    };
  }

  link(socket: Socket): Link {
    const known = this.links.get(socket);
    if (known !== undefined) return known;
    const link = new Link(socket, this.deps);
    this.links.set(socket, link);
    return link;
  }

  /** Closes the transport, if there is one, and connects now, without a pause. */
  readonly reconnect = (): void => {
    const { engine } = this.manager;
    if ((engine as typeof engine | undefined)?.readyState === 'open') {
      this.reopen = true;
      engine.close();
      return;
    }
    for (const link of this.links.values()) {
      if (link.due !== Infinity || link.status.get().state === 'refused') link.due = 0;
    }
    this.connectDue();
  };

  readonly end = (): void => {
    for (const socket of this.links.keys()) socket.disconnect();
  };

  /** Another URL counts from the next transport on. */
  private prepare(): void {
    if (typeof this.url === 'function')
      (this.manager as unknown as { uri: string }).uri = this.url();
  }

  private lossDelay(failures: number, delays: Delays): number {
    // All sockets of a transport notice its end in the same turn.
    if (this.lossMs === undefined) {
      this.lossMs = this.reopen ? 0 : delayAfter(failures, delays);
      this.reopen = false;
      queueMicrotask(() => {
        this.lossMs = undefined;
      });
    }
    return this.lossMs;
  }

  private wake(): void {
    clearTimeout(this.timer);
    page.removeEventListener?.('online', this.reconnect);
    const due = Math.min(...[...this.links.values()].map((link) => link.due));
    if (due === Infinity) return;
    page.addEventListener?.('online', this.reconnect);
    this.timer = setTimeout(() => this.connectDue(), due - performance.now());
  }

  private connectDue(): void {
    // A timer may end a little early.
    const now = performance.now() + 2;
    for (const link of this.links.values()) if (link.due <= now) link.open();
    this.wake();
  }
}
