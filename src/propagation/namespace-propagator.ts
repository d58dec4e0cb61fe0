import type { BoundContract, NamespaceOf } from '../contract/event-types.js';
import type { AppContract } from '../contract/propagator-types.js';
import { Propagator, type CallOf, type OutcomeOf, type Verb } from './propagator.js';

/** The verbs of `RedisPropagatorService` bound to a namespace: `propagator.of('/chat').emitToAll({ event, data })`. */
export class NamespacePropagator<
  Contract = AppContract,
  Namespace extends string = NamespaceOf<Contract>,
> extends Propagator<true, BoundContract<Contract, Namespace>> {
  /** @internal */
  constructor(
    private readonly propagator: Pick<Propagator, 'perform'>,
    readonly namespace: string,
  ) {
    super();
  }

  /** @internal */
  override perform<V extends Verb>(call: CallOf<V>): Promise<OutcomeOf<V>> {
    return this.propagator.perform(call, this.namespace);
  }
}

/** The result of `of()`. Without a contract it is one type, whatever the namespace. */
export type PropagatorOf<Contract, Namespace extends string> = NamespacePropagator<
  Contract,
  unknown extends Contract ? string : Namespace
>;

/** The verbs of a propagator, bound to a namespace. @internal */
export function propagatorOf<Contract, Namespace extends NamespaceOf<Contract>>(
  propagator: Pick<Propagator, 'perform'>,
  namespace: Namespace,
): PropagatorOf<Contract, Namespace> {
  const verbs = new NamespacePropagator<Contract, Namespace>(propagator, namespace);
  return verbs as PropagatorOf<Contract, Namespace>;
}

/** A call with the namespace of a bound propagator, if any. Throws the error of a getter of the arguments. @internal */
export function inNamespace<V extends Verb>(
  call: CallOf<V>,
  namespace: string | undefined,
): CallOf<V> {
  if (namespace === undefined) return call;
  return 'event' in call
    ? { ...call, event: bound(call.event, namespace) }
    : { ...call, options: bound(call.options, namespace) };
}

function bound<T extends object>(given: T, namespace: string): T {
  // The verb refuses it. Copying the characters of a long text would be slow.
  if (typeof given !== 'object') return given;
  return { ...given, namespace };
}
