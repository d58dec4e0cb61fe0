import type { IoAdapter } from '@nestjs/platform-socket.io';
import type { WsResponse } from '@nestjs/websockets';
import type { Observable, Subscription } from 'rxjs';
import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import { FAILURE, HandlerCall, takeOnceId } from './handler-call.js';
import { HeldCalls, type HeldCall } from './held-calls.js';
import { wsResponseIn } from './ws-context.js';
import { guarded, soon, type Failed } from '../reporting/timers.js';

type BindMessageHandlers = Parameters<IoAdapter['bindMessageHandlers']>;
type Handler = BindMessageHandlers[1][number];
type Transform = BindMessageHandlers[2];
type Acknowledge = (...answer: unknown[]) => void;

/** @internal */
export interface MessageHandlersDeps {
  readonly reporter: Reporter;
  /** `IoAdapter.mapPayload`, which an app's adapter may override. */
  readonly mapPayload: IoAdapter['mapPayload'];
  /** Called with each event that was sent to the asking client and that no interceptor has seen. */
  readonly unseen: (message: string, response: WsResponse) => void;
  /** Whether an interceptor that propagates is bound to a handler of the message. */
  readonly mayPropagate: (message: unknown) => boolean;
}

/** The shared data of all calls of one handler for one socket. */
interface Binding extends MessageHandlersDeps {
  readonly socket: Socket;
  readonly handler: Handler;
  /** The calls of this socket in progress. */
  readonly running: Set<Call>;
  readonly held: HeldCalls;
}

/**
 * Runs the handlers of gateways for the messages of clients, and sends their responses. It works like Nest's
 * IoAdapter, with four differences. A response that cannot be sent is reported, and does not end the process. A
 * client that asked for an acknowledgement always gets one. The audience gets exactly the events that the asking
 * client gets, after all interceptors. A handler's single result is propagated even if its socket has left meanwhile.
 *
 * @internal
 */
export class MessageHandlers {
  /** The calls in progress of each socket that has sent a message. */
  private readonly running = new WeakMap<Socket, Set<Call>>();
  private readonly held = new HeldCalls();
  /** One listener for all sockets. */
  private readonly leave: (this: Socket) => void;

  constructor(private readonly deps: MessageHandlersDeps) {
    const { running } = this;
    this.leave = function (this: Socket): void {
      const failed = deps.reporter.failure('handler.failed', () => `socket ${this.id}`);
      guarded(failed, () => {
        for (const call of running.get(this) ?? []) call.leave();
      })();
    };
  }

  bind(socket: Socket, handlers: readonly Handler[], transform: Transform): void {
    // A namespace may have several gateways.
    if (!socket.listeners('disconnect').includes(this.leave)) socket.on('disconnect', this.leave);
    for (const handler of handlers) {
      // Created for the first message: most sockets never send most of the messages.
      let binding: Binding | undefined;
      socket.on(handler.message as string, (...args: unknown[]) => {
        const bound = (binding ??= this.bindingOf(socket, handler));
        const once = takeOnceId(args);
        const payload = payloadOf(bound, args);
        if (payload === undefined) return;
        const { data, ack } = payload;
        const call = new Call(bound, ack as Acknowledge | undefined, once);
        call.run(data, transform);
      });
    }
  }

  /** Stops waiting for results. */
  close(): void {
    this.held.close();
  }

  private bindingOf(socket: Socket, handler: Handler): Binding {
    const { deps, held } = this;
    return { ...deps, socket, handler, running: this.runningOf(socket), held };
  }

  private runningOf(socket: Socket): Set<Call> {
    let running = this.running.get(socket);
    if (running === undefined) this.running.set(socket, (running = new Set()));
    return running;
  }
}

/** One call of a handler, and the subscriber of its responses. */
class Call extends HandlerCall implements HeldCall {
  private subscription: Subscription | undefined;
  private ended = false;
  private left = false;
  private values = 0;
  private sentEvents = false;
  private failed = false;
  /** Reports errors of the call's timers, and those thrown when its socket leaves. */
  readonly failedToRun: Failed = (error) =>
    this.bound.reporter.report('handler.failed', () => this.described(error));
  /** The one response that came after the socket had left. */
  private late: unknown;

  constructor(
    private readonly bound: Binding,
    private readonly ack: Acknowledge | undefined,
    override readonly once: string | undefined,
  ) {
    super();
  }

  get message(): string {
    return shown(this.bound.handler.message);
  }

  run(data: unknown, transform: Transform): void {
    const { running, handler } = this.bound;
    running.add(this);
    try {
      const callback = handler.callback as (...args: unknown[]) => unknown;
      const ack = this.ack && ((...answer: unknown[]) => this.answer(answer));
      const result = callback(data, ack, this);
      const subscription = (transform(result) as Observable<unknown>).subscribe(this);
      this.subscription = subscription;
      if (this.ended) subscription.unsubscribe();
    } catch (error) {
      this.error(error);
    }
  }

  override acknowledge(answer: unknown): void {
    this.ack?.(answer);
  }

  next(response: unknown): void {
    this.values++;
    if (this.left) this.nextLate(response);
    else if (response === null || response === undefined) this.sendNothing(response);
    else this.send(response);
  }

  complete(): void {
    if (this.left) this.sendLate();
    // Socket.IO sends the first acknowledgement only: that of an exception filter, if there was one.
    else if (this.refusal !== undefined) this.answer([this.refusal]);
    else if (this.sentEvents && !this.bound.handler.isAckHandledManually) this.ack?.();
    this.end();
  }

  /** Exception filters handle errors of handlers. Errors of filters, and of Nest itself, arrive here. */
  error(error: unknown): void {
    this.bound.reporter.report('handler.failed', () => this.described(error));
    this.sendFailure();
    this.end();
  }

  /** The socket has left. A call that has responded before is a stream, and ends with the socket. */
  leave(): void {
    this.left = true;
    // While a guard or another interceptor is at work, RedisPropagatorInterceptor may not have seen the call yet.
    const { bound, propagate } = this;
    const mayPropagate = propagate ?? bound.mayPropagate(bound.handler.message);
    if (!mayPropagate || this.values > 0) this.end();
    else bound.held.add(this);
  }

  /** Stops responding. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.bound.running.delete(this);
    this.bound.held.delete(this);
    const { subscription } = this;
    // The app's teardown of an Observable may throw.
    if (subscription !== undefined) guarded(this.failedToRun, () => subscription.unsubscribe())();
  }

  abandon(why: string): void {
    const { reporter } = this.bound;
    if (this.propagate)
      reporter.report('response.abandoned', () => `the handler of ${this.message} ${why}`);
    this.end();
  }

  private sendNothing(response: null | undefined): void {
    if (response === null && !this.bound.handler.isAckHandledManually) this.ack?.(null);
  }

  private send(response: unknown): void {
    const { handler, socket } = this.bound;
    let event: WsResponse | undefined;
    try {
      event = wsResponseIn(response);
      if (event === undefined) {
        if (!handler.isAckHandledManually) this.ack?.(response);
        return;
      }
      socket.emit(event.event, event.data);
      this.sentEvents = true;
    } catch (error) {
      this.unsendable(error, !handler.isAckHandledManually);
      return;
    }
    this.propagateEvent(event);
  }

  /** A single result completes at once; a call that continues is a stream. */
  private nextLate(response: unknown): void {
    if (this.values > 1) {
      this.end();
      return;
    }
    this.late = response;
    soon(this.failedToRun, () => this.end());
  }

  private sendLate(): void {
    try {
      const event = wsResponseIn(this.late);
      if (event !== undefined && this.propagate) this.propagateEvent(event);
    } catch (error) {
      this.unsendable(error);
    }
  }

  /** Never throws: RxJS would end the process. */
  private propagateEvent(response: WsResponse): void {
    try {
      if (this.propagate === false) return;
      if (this.propagate === undefined) this.bound.unseen(this.message, response);
      else this.propagate(response);
    } catch (error) {
      this.bound.reporter.report('response.unsendable', () => this.described(error));
    }
  }

  /** The acknowledgement for handlers and filters, and for their callbacks: it never throws. */
  private answer(answer: unknown[]): void {
    try {
      this.ack?.(...answer);
    } catch (error) {
      this.unsendable(error);
    }
  }

  private unsendable(error: unknown, byAck = true): void {
    this.bound.reporter.report('response.unsendable', () => this.described(error));
    this.sendFailure(byAck);
  }

  private described(error: unknown): string {
    return `${this.message} of socket ${this.bound.socket.id}: ${reasonOf(error)}`;
  }

  /**
   * Sends an error to the client once, because a stream may have many events.
   *
   * @param byAck whether to use the acknowledgement, if there is one
   */
  private sendFailure(byAck = true): void {
    if (this.failed || this.left) return;
    this.failed = true;
    const { reporter, socket } = this.bound;
    try {
      if (byAck && this.ack !== undefined) this.ack(FAILURE);
      else socket.emit('exception', FAILURE);
    } catch (error) {
      // A listener of the app for outgoing packets.
      reporter.report('listener.failed', () => this.described(error));
    }
  }
}

/** Nest's form of the arguments of a message; undefined if an adapter of the app fails to make it. */
function payloadOf(
  { mapPayload, reporter, handler, socket }: Binding,
  args: unknown[],
): ReturnType<IoAdapter['mapPayload']> | undefined {
  try {
    return mapPayload(args.length > 1 ? args : args[0]);
  } catch (error) {
    const subject = `${shown(handler.message)} of socket ${socket.id}`;
    reporter.report('handler.failed', () => `${subject}: mapPayload: ${reasonOf(error)}`);
    const ack = args.at(-1);
    if (typeof ack === 'function') ack(FAILURE);
    return undefined;
  }
}
