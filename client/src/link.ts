import type { Socket } from 'socket.io-client';
import { delayAfter, msIn, type Delays } from './delay.js';
import { Outbox, type OutboxOptions } from './outbox.js';
import { dropRepeated } from './received.js';
import { remedyFor, type ConnectionState, type ConnectionStatus } from './status.js';
import { Listeners, Value } from './store.js';
import type { Tokens } from './tokens.js';

/** Events for this socket that are lost between instances. */
export interface GapNotice {
  /** The targets of the events, as far as this socket belongs to them. Empty: any event may be lost. */
  readonly targets: readonly {
    readonly target: 'all' | 'authenticated' | 'user' | 'room';
    /** The user id or the room. */
    readonly id?: string;
  }[];
}

/** The parts of the connection that a link needs. @internal */
export interface LinkDeps {
  readonly tokens: Tokens;
  readonly delays: Delays & { readonly reconnection?: boolean | undefined };
  readonly outbox: OutboxOptions | undefined;
  /** The fields of the handshake besides the token. */
  readonly auth: () => object;
  /** Called before an attempt. @throws the error of the app's `url` */
  readonly prepare: () => void;
  /** Called when {@link Link.due} has changed. */
  readonly wake: () => void;
  /** Called when the app has disconnected the socket. */
  readonly closed: () => void;
  /** The pause after a lost transport: the same for all sockets of the connection. */
  readonly lossDelay: (failures: number) => number;
}

/** The longest pause before the app is asked again, if it has given the token that ends soon. */
const MAX_SAME_TOKEN_MS = 30_000;

/** A socket of Socket.IO that knows what to do when it is refused or loses its connection. @internal */
export class Link {
  readonly status: Value<ConnectionStatus>;
  readonly recovered = new Listeners<[]>();
  readonly reload = new Listeners<[]>();
  readonly gap = new Listeners<[gap: GapNotice]>();
  readonly outbox: Outbox;
  /** When to connect, in ms of `performance.now()`; Infinity: not by itself. */
  due = Infinity;
  private failures = 0;
  private token: string | undefined;
  /** A token that was renewed for the next attempt. */
  private renewed: string | undefined;
  private notice:
    { readonly reason: string; readonly reconnectInMs: number | undefined } | undefined;
  private wasConnected = false;
  /** Counts connects and disconnects, so that a late token does not undo them. */
  private epoch = 0;
  private refreshTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly connectNow: () => Socket;
  private readonly disconnectNow: () => Socket;

  constructor(
    readonly socket: Socket,
    private readonly deps: LinkDeps,
  ) {
    this.status = new Value<ConnectionStatus>({ state: 'closed', failures: 0 });
    this.outbox = new Outbox(socket, deps.outbox);
    dropRepeated(socket);
    this.connectNow = socket.connect.bind(socket);
    this.disconnectNow = socket.disconnect.bind(socket);
    socket.connect = () => {
      this.open();
      return socket;
    };
    socket.disconnect = () => {
      this.close();
      return socket;
    };
    socket.auth = (send) => void this.authenticate(send);
    socket.on('connect', () => this.connected());
    socket.on('connect_error', (error) => this.notConnected(error));
    socket.on('disconnect', (reason) => this.disconnected(reason));
    socket.on('propagator:disconnect', (given: unknown) => {
      const { reason, reconnectInMs } = fieldsOf(given);
      if (typeof reason === 'string') this.notice = { reason, reconnectInMs: msIn(reconnectInMs) };
    });
    socket.on('auth:expiring', () => void this.refresh(0));
    socket.on('propagator:gap', (given: unknown) => {
      const { targets } = fieldsOf(given);
      this.gap.call({ targets: Array.isArray(targets) ? (targets as GapNotice['targets']) : [] });
    });
  }

  open(): void {
    const { state } = this.status.get();
    if (state === 'connected' || state === 'connecting') return;
    this.epoch += 1;
    this.schedule(Infinity);
    try {
      this.deps.prepare();
    } catch {
      // A timer calls this, too.
      this.wait('url', this.pause());
      return;
    }
    this.show('connecting');
    this.connectNow();
  }

  private close(): void {
    this.epoch += 1;
    this.failures = 0;
    this.token = undefined;
    this.wasConnected = false;
    this.schedule(Infinity);
    this.disconnectNow();
    this.outbox.close();
    this.show('closed');
    this.deps.closed();
  }

  private async authenticate(send: (data: object) => void): Promise<void> {
    const { epoch } = this;
    const { engine } = this.socket.io;
    const data = await this.handshake().catch(() => undefined);
    // Meanwhile the transport may have been lost, and another one may be there.
    if (epoch !== this.epoch || engine !== this.socket.io.engine || engine.readyState !== 'open')
      return;
    if (data !== undefined) send(data);
    else {
      this.disconnectNow();
      this.wait('token', this.pause());
    }
  }

  private async handshake(): Promise<object> {
    const token = this.renewed ?? (await this.deps.tokens.forConnection());
    this.renewed = undefined;
    this.token = token;
    return { propagator: 1, ...this.deps.auth(), ...(token !== undefined && { token }) };
  }

  private connected(): void {
    this.failures = 0;
    this.notice = undefined;
    this.schedule(Infinity);
    this.show('connected');
    if (this.wasConnected) (this.socket.recovered ? this.recovered : this.reload).call();
    this.wasConnected = true;
    this.outbox.resume();
  }

  private notConnected(error: Error): void {
    // Refused by the server: Socket.IO would not try again.
    if (this.socket.active) this.lost(error.message);
    else {
      const { code, retryAfterMs } = fieldsOf((error as { data?: unknown }).data);
      this.ended(
        typeof code === 'string' ? code : undefined,
        error.message,
        msIn(retryAfterMs),
        error.message === 'Internal error',
      );
    }
  }

  private disconnected(reason: string): void {
    clearTimeout(this.refreshTimer);
    const { notice } = this;
    this.notice = undefined;
    if (reason === 'io client disconnect') return;
    if (notice?.reason === 'server.draining') this.lost(notice.reason, notice.reconnectInMs);
    else if (notice !== undefined || reason === 'io server disconnect') {
      this.disconnectNow();
      this.ended(notice?.reason, reason, undefined, false);
    } else this.lost(reason);
  }

  private lost(reason: string, hintMs?: number): void {
    if (this.due !== Infinity) return;
    // An instance that shuts down is no failure.
    if (hintMs !== undefined) this.failures -= 1;
    this.wait(reason, hintMs ?? this.deps.lossDelay(this.failures));
  }

  /** The server does not want the socket, for now or at all. */
  private ended(
    code: string | undefined,
    reason: string,
    retryAfterMs: number | undefined,
    isTemporary: boolean,
  ): void {
    const why = code ?? reason;
    const remedy = remedyFor(code);
    // Wait up to a quarter longer than the server asks, so that clients do not come all at once.
    if (retryAfterMs !== undefined) this.wait(why, retryAfterMs * (1 + Math.random() / 4));
    else if (remedy === 'new-token') void this.renew(why);
    else if (remedy === 'retry' || isTemporary) this.wait(why, this.pause());
    else this.show('refused', why);
  }

  /** A refused token is not sent a second time. */
  private async renew(code: string): Promise<void> {
    const { epoch, token: used } = this;
    this.show('waiting', code);
    try {
      const token = await this.deps.tokens.after(used, { reason: 'refused', code });
      if (epoch !== this.epoch || this.socket.active) return;
      if (token === undefined || token === used) {
        this.show('refused', code);
        return;
      }
      this.renewed = token;
      // The first new token is tried at once.
      this.wait(code, this.failures === 0 ? 0 : this.pause());
    } catch {
      if (epoch === this.epoch && !this.socket.active) this.wait(code, this.pause());
    }
  }

  /** Sends a new token on the connection, which stays. */
  private async refresh(failures: number): Promise<void> {
    const { id } = this.socket;
    const later = (ms: number): void => {
      clearTimeout(this.refreshTimer);
      if (this.socket.id === id && id !== undefined)
        this.refreshTimer = setTimeout(() => void this.refresh(failures + 1), ms);
    };
    try {
      const token = await this.deps.tokens.after(this.token, { reason: 'expiring' });
      // Without a new token the connection ends when the old token does.
      if (this.socket.id !== id || token === undefined) return;
      if (token === this.token) {
        // A server may issue the same token again within one second.
        later(Math.min(MAX_SAME_TOKEN_MS, 1_000 * 2 ** failures));
        return;
      }
      const answer: unknown = await this.socket.timeout(10_000).emitWithAck('auth:refresh', token);
      const { ok, retryAfterMs } = fieldsOf(answer);
      if (ok === true) this.token = token;
      else if (msIn(retryAfterMs) !== undefined) later(msIn(retryAfterMs) ?? 0);
    } catch {
      later(delayAfter(failures, this.deps.delays));
    }
  }

  private pause(): number {
    return delayAfter(this.failures, this.deps.delays);
  }

  private wait(reason: string, ms: number): void {
    if (this.deps.delays.reconnection === false) {
      this.show('closed', reason);
      return;
    }
    this.failures += 1;
    this.schedule(performance.now() + ms);
    this.show('waiting', reason, ms);
  }

  private schedule(due: number): void {
    this.due = due;
    this.deps.wake();
  }

  private show(state: ConnectionState, reason?: string, retryInMs?: number): void {
    this.status.set({ state, reason, retryInMs, failures: this.failures });
  }
}

/** The fields of data from the server; none if the data is no object. */
function fieldsOf(given: unknown): Record<string, unknown> {
  return typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
}
