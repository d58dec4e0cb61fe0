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
import { SubscribeMessage, WsException, type WsResponse } from '@nestjs/websockets';
import { catchError, from, map, mergeMap, throwError, type Observable } from 'rxjs';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import type { EventDefinition } from '../contract/define-events.js';
import type { EventChecks } from '../contract/event-checks.js';
import type {
  ClientEventAnswer,
  ClientEventName,
  ServerResponse,
} from '../contract/event-types.js';
import type { AppContract } from '../contract/propagator-types.js';
import { InvalidData, isInvalid, type Checked } from '../contract/run-schema.js';
import { isPromise } from '../kinds.js';
import { callOf, FAILURE } from './handler-call.js';
import type { Runtime } from './runtime.js';
import { RUNTIME } from './tokens.js';
import { wsResponseIn } from './ws-context.js';

/** The metadata of {@link On}: the name of the event. @internal */
export const ON_METADATA = 'nestjs-redis-propagator:on';

/** The results that a handler may have: the acknowledgement, an event of the server, or nothing. */
type Result<Contract, Name extends string> =
  | ClientEventAnswer<Contract, Name>
  | WsResponse<ServerResponse<Contract>['data']>
  | void
  | null
  | undefined;

/** A result, or a Promise or an Observable of it. */
type Results<R> = R | Promise<R | Observable<R>> | Observable<R>;

/** The handler chooses its parameters by their decorators. */
// oxlint-disable-next-line typescript/no-explicit-any
type Handler<Contract, Name extends string> = (...args: any[]) => Results<Result<Contract, Name>>;

/**
 * `@SubscribeMessage` for an event of the contract: the message is validated before the handler's pipes, and the handler
 * gets the output of the schema; the acknowledgement and the response are validated, too. See the options `contract` and
 * `validate`. A client whose message is invalid gets the same answer as for a `WsException`:
 * `{ status: 'error', code: 'event.invalid-data', message, issues }`.
 *
 * ```ts
 * @On('say')
 * say(@MessageBody() { text }: ClientEventData<typeof contract, 'say'>): { id: number } {}
 * ```
 *
 * The app does not start if the contract does not have the event. With `contract` in `PropagatorTypes` the compiler checks
 * the name, and the type of the result.
 */
export function On<Name extends ClientEventName<AppContract>>(
  event: Name,
): <H extends Handler<AppContract, Name>>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<H>,
) => void {
  return applyDecorators(
    SubscribeMessage(event),
    SetMetadata(ON_METADATA, event),
    UseInterceptors(ContractInterceptor),
  );
}

/** Validates the messages of the handlers with {@link On}. @internal */
@Injectable()
export class ContractInterceptor implements NestInterceptor {
  private readonly checks: EventChecks | undefined;

  constructor(@Inject(RUNTIME) { checks }: Runtime) {
    this.checks = checks;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { checks } = this;
    if (checks === undefined || context.getType() !== 'ws') return next.handle();
    const args = context.getArgs<[AuthenticatedSocket, unknown, ...unknown[]]>();
    const name: string = Reflect.getMetadata(ON_METADATA, context.getHandler());
    const namespace = args[0].nsp.name;
    const event = checks.incoming(namespace, name);
    const call = callOf(args);
    const failed = (error: unknown): Observable<never> => refused(args, FAILURE, error);
    const check = (result: unknown): unknown => {
      try {
        return checkedResult(checks, { namespace, name, event }, result);
      } catch (error) {
        refuse(args, FAILURE);
        throw error;
      }
    };
    const handle = (): Observable<unknown> => {
      if (!checks.validated.emit) return next.handle();
      if (call !== undefined) call.check = check;
      return next
        .handle()
        .pipe(map((result: unknown) => (result === call?.kept ? result : check(result))));
    };
    if (!checks.validated.receive) return handle();
    const accept = (checked: Checked): Observable<unknown> => {
      if (isInvalid(checked)) return refusedData(args, checked);
      // Nest reads the list of arguments after the interceptors, for pipes and parameters.
      args[1] = checked.length > 1 ? checked : checked[0];
      return handle();
    };
    try {
      const checked =
        event === undefined
          ? new InvalidData([{ path: 'event', message: `unknown in namespace ${namespace}` }])
          : checks.checkIncoming(event, args[1]);
      return isPromise(checked)
        ? from(checked).pipe(catchError(failed), mergeMap(accept))
        : accept(checked);
    } catch (error) {
      // A schema that throws.
      return failed(error);
    }
  }
}

interface Asked {
  readonly namespace: string;
  readonly name: string;
  readonly event: EventDefinition | undefined;
}

/** @throws PropagatorError `event.invalid-data`, `event.not-in-contract` */
function checkedResult(checks: EventChecks, asked: Asked, result: unknown): unknown {
  if (result === undefined) return result;
  const response = wsResponseIn(result);
  if (response !== undefined) {
    const { event, data } = response;
    checks.checkOutgoing(asked.namespace, event, data === undefined ? [] : [data]);
    return response;
  }
  const { event, name } = asked;
  // Without an acknowledgement in the contract, null says that there is no answer.
  if (event !== undefined && (result !== null || event.ack !== undefined)) {
    checks.checkAnswer(name, event, result);
  }
  return result;
}

function refusedData(args: readonly unknown[], invalid: InvalidData): Observable<never> {
  const refusal = {
    status: 'error',
    code: 'event.invalid-data',
    message: invalid.toString(),
    issues: invalid.issues,
  };
  return refused(args, refusal, new WsException(refusal));
}

/** Refuses a message. A client that asked for an acknowledgement gets one, whatever the app's exception filters do. */
function refuse(args: readonly unknown[], refusal: object): void {
  const call = callOf(args);
  if (call !== undefined) call.refusal = refusal;
}

function refused(args: readonly unknown[], refusal: object, error: unknown): Observable<never> {
  refuse(args, refusal);
  return throwError(() => error);
}
