import { randomUUID } from 'node:crypto';
import {
  applyDecorators,
  Inject,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { EMPTY, from, lastValueFrom, mergeMap, of, type Observable } from 'rxjs';
import { randomRetryMs } from '../auth/auth-refusal.js';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { reasonOf } from '../errors.js';
import { wholeNumber } from '../options/checks.js';
import type { OnceKey, OnceState, OnceTimes } from '../once/once-store.js';
import { callOf, type HandlerCall } from './handler-call.js';
import type { Runtime } from './runtime.js';
import { RUNTIME } from './tokens.js';
import { wsResponseIn } from './ws-context.js';

/** The metadata of {@link Once}: its times. @internal */
export const ONCE_METADATA = 'nestjs-redis-propagator:once';

/** Options of {@link Once}. */
export interface OnceOptions {
  /**
   * How long the answer is kept, in ms. Longer than clients send an event again (`outbox.timeoutMs` of the client).
   * @default 120_000
   */
  readonly keepMs?: number | undefined;
  /**
   * The longest time that the handler takes, in ms: afterwards another attempt runs it.
   * @default 30_000
   */
  readonly runMs?: number | undefined;
}

const RANGE = [1, 24 * 3_600_000] as const;
/** A longer answer is not kept. */
const MAX_ANSWER_BYTES = 16_384;

/**
 * Runs the handler once for each event that a client sends with `emitOnce` (nestjs-redis-propagator-client): an event that is sent
 * again, also to another instance, gets the answer of the first time. The client has to be authenticated.
 *
 * ```ts
 * @Once()
 * @SubscribeMessage('order')
 * order(@MessageBody() item: string): Promise<{ id: number }> {}
 * ```
 *
 * The value that the handler returns is the answer, and has to be JSON; `@Ack()` cannot be used. After an error the next attempt
 * runs the handler. Events of `emit` run it each time.
 */
export function Once(options: OnceOptions = {}): MethodDecorator {
  const keepMs = wholeNumber('@Once({ keepMs })', options.keepMs, 120_000, RANGE);
  const runMs = wholeNumber('@Once({ runMs })', options.runMs, 30_000, RANGE);
  return applyDecorators(
    SetMetadata(ONCE_METADATA, { keepMs, runMs } satisfies OnceTimes),
    UseInterceptors(OnceInterceptor),
  );
}

/** @internal */
@Injectable()
export class OnceInterceptor implements NestInterceptor {
  constructor(@Inject(RUNTIME) private readonly runtime: Runtime) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const args = context.getArgs<[AuthenticatedSocket, ...unknown[]]>();
    const call = context.getType() === 'ws' ? callOf(args) : undefined;
    if (call?.once === undefined) return next.handle();
    const [socket] = args;
    // A Promise: the handler goes on, and its answer is kept, if the client leaves.
    return from(this.run(call, call.once, socket, context, next)).pipe(
      mergeMap((result) => result),
    );
  }

  private async run(
    call: HandlerCall,
    id: string,
    socket: AuthenticatedSocket,
    context: ExecutionContext,
    next: CallHandler,
  ): Promise<Observable<unknown>> {
    const userId = socket.auth?.userId;
    if (userId === undefined)
      return refused(call, 'auth.required', 'Authentication required', false);
    const event = context.switchToWs().getPattern();
    const times: OnceTimes = Reflect.getMetadata(ONCE_METADATA, context.getHandler());
    const key: OnceKey = { userId, field: JSON.stringify([socket.nsp.name, event, id]) };
    const runner = randomUUID();
    const begun = await this.begin(key, runner, times);
    if (begun === undefined) return refused(call, 'once.unavailable', 'Try again later');
    if (begun.state === 'answered') return answered(call, JSON.parse(begun.answer));
    if (begun.state !== 'run') return refused(call, 'once.busy', 'This event is being handled');
    const { once } = this.runtime;
    let result: unknown;
    try {
      result = await lastValueFrom(next.handle(), { defaultValue: undefined });
      // Without a result the answer is null. Only an answer that fits is kept, also if `@On` stands outside.
      if (call.check !== undefined) result = call.check(result ?? null);
      call.kept = result;
    } catch (error) {
      await this.attempt(event, () => once.release(key, runner));
      throw error;
    }
    await this.attempt(event, () => once.answer(key, runner, answerIn(result), times));
    return result === undefined ? answered(call, null) : of(result);
  }

  /** Begins an attempt. Resolves to undefined while Redis does not answer. */
  private async begin(
    key: OnceKey,
    runner: string,
    times: OnceTimes,
  ): Promise<OnceState | undefined> {
    let begun: OnceState | undefined;
    await this.attempt(key.field, async () => {
      begun = await this.runtime.once.begin(key, runner, times);
    });
    return begun;
  }

  private async attempt(event: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.runtime.reporter.report('once.failed', () => `${event}: ${reasonOf(error)}`);
    }
  }
}

/** The answer as JSON. The event of a response is sent once only. */
function answerIn(result: unknown): string {
  if (wsResponseIn(result) !== undefined) return 'null';
  let json: string | undefined;
  try {
    json = JSON.stringify(result);
  } catch {
    // The handler has run all the same, and must not run again.
    return noAnswer('could not be kept');
  }
  if (json === undefined) return 'null';
  return Buffer.byteLength(json) <= MAX_ANSWER_BYTES ? json : noAnswer('was too long to be kept');
}

function noAnswer(why: string): string {
  const message = `The event was handled, and its answer ${why}`;
  return JSON.stringify({ status: 'error', code: 'once.no-answer', message });
}

function answered(call: HandlerCall, answer: unknown): Observable<never> {
  call.refusal = answer;
  return EMPTY;
}

function refused(
  call: HandlerCall,
  code: string,
  message: string,
  isTemporary = true,
): Observable<never> {
  return answered(call, {
    status: 'error',
    code,
    message,
    ...(isTemporary && { retryAfterMs: randomRetryMs() }),
  });
}
