import type { EventChecks } from '../contract/event-checks.js';
import type { EventDefinition } from '../contract/define-events.js';
import { isInvalid } from '../contract/run-schema.js';
import { reasonOf } from '../errors.js';
import { checkedNamespace } from '../routing/target-validation.js';
import type { Reporter } from '../reporting/reporter.js';
import type { DeviceAnswer, EventToEmit, UserAnswers } from './events.js';
import type { OutcomeOf, Verb, VerbArguments } from './propagator.js';
import { checkedEvent, checkEventName, packetData } from './validation.js';

type Action<V extends Verb> = (call: VerbArguments[V]) => Promise<OutcomeOf<V>>;

/** The work of each verb. An action may throw. @internal */
export type Actions = { readonly [V in Verb]: Action<V> };

/**
 * The same actions for the events of a contract: their data is checked, and they are volatile if the contract says so. What
 * is sent stays as it is.
 *
 * @internal
 */
export function checkedActions(actions: Actions, checks: EventChecks, reporter: Reporter): Actions {
  const emits = <V extends EventVerb>(verb: V): Action<V> => {
    const action = actions[verb];
    return (call) => action({ ...call, event: checkedCall(checks, call.event).event });
  };
  return {
    ...actions,
    emitToUser: emits('emitToUser'),
    emitToUsers: emits('emitToUsers'),
    emitToRoom: emits('emitToRoom'),
    emitToAll: emits('emitToAll'),
    emitToAuthenticated: emits('emitToAuthenticated'),
    propagateEvent: emits('propagateEvent'),
    requestUser: (call) => {
      const { event, definition } = checkedCall(checks, call.event);
      const asked = actions.requestUser({ event });
      if (definition === undefined || !checks.validated.receive) return asked;
      return asked.then((answers) =>
        withCheckedAnswers({ checks, definition, reporter, name: event.event }, answers),
      );
    },
  };
}

type EventVerb = { [V in Verb]: VerbArguments[V] extends { event: unknown } ? V : never }[Verb];

type Given = Pick<EventToEmit, 'event' | 'data' | 'args' | 'namespace' | 'volatile'>;

/**
 * Reads the event once: a getter may return something else the next time.
 *
 * @throws PropagatorError
 */
function checkedCall<E extends Omit<Given, 'volatile'>>(
  checks: EventChecks,
  given: E,
): { event: E; definition: EventDefinition | undefined } {
  const { event: name, data, args, namespace, volatile } = checkedEvent(given) as Given;
  checkEventName(name);
  const [, ...sent] = packetData(name, data, args);
  const definition = checks.checkOutgoing(checkedNamespace(namespace), name, sent);
  const event = { ...given, event: name, data, args, namespace };
  const isVolatile = volatile ?? (definition?.volatile === true ? true : undefined);
  return { event: { ...event, volatile: isVolatile }, definition };
}

interface Request {
  readonly checks: EventChecks;
  readonly definition: EventDefinition;
  readonly reporter: Reporter;
  readonly name: string;
}

/** An answer that does not fit is none: its socket has not answered. */
async function withCheckedAnswers(request: Request, answers: UserAnswers): Promise<UserAnswers> {
  const checked = await Promise.all(answers.items.map((item) => checkedAnswer(request, item)));
  const items = checked.filter((item) => typeof item !== 'string');
  const unfit = checked.filter((item) => typeof item === 'string');
  return { ...answers, items, unanswered: [...answers.unanswered, ...unfit] };
}

/** The answer as the output of its schema; the id of the socket if it does not fit. */
async function checkedAnswer(
  { checks, definition, reporter, name }: Request,
  item: DeviceAnswer,
): Promise<DeviceAnswer | string> {
  let reason: string;
  try {
    const checked = await checks.checkAcknowledgement(definition, item.answer);
    if (!isInvalid(checked)) return { ...item, answer: checked[0] };
    reason = checked.toString();
  } catch (error) {
    reason = reasonOf(error);
  }
  reporter.report('ack.invalid', () => `"${name}" of socket ${item.socketId}: ${reason}`);
  return item.socketId;
}
