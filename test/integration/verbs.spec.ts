import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NamespacePropagator } from '../../src/index.js';
import {
  Propagator,
  type CallOf,
  type OutcomeOf,
  type Verb,
} from '../../src/propagation/propagator.js';
import { RecordingPropagator } from '../../src/testing/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const event = { event: 'e', data: 1 };

/** Valid arguments of each verb of a bound propagator. The compiler asks for those of a new verb. */
const ARGUMENTS: { readonly [V in Verb]: Parameters<NamespacePropagator[V]> } = {
  emitToUser: [{ ...event, userId: 'nobody' }],
  emitToUsers: [{ ...event, userIds: ['nobody'] }],
  emitToRoom: [{ ...event, room: 'r' }],
  emitToAll: [event],
  emitToAuthenticated: [event],
  propagateEvent: [{ ...event, userId: 'nobody' }],
  requestUser: [{ ...event, userId: 'nobody', timeoutMs: 1_000 }],
  fetchUserSockets: ['nobody'],
  joinUser: ['nobody', 'r'],
  leaveUser: ['nobody', ['r']],
  disconnectUser: ['nobody'],
};
const VERBS = Object.keys(ARGUMENTS) as Verb[];
const ON_EVENTS = VERBS.filter((verb) => typeof ARGUMENTS[verb][0] === 'object');

type Verbs = Record<Verb, (...args: unknown[]) => Promise<unknown>>;

function call(propagator: Propagator<boolean>, verb: Verb, args?: unknown[]): Promise<unknown> {
  return (propagator as unknown as Verbs)[verb](...(args ?? ARGUMENTS[verb]));
}

/** A propagator that does nothing but remember its calls. */
class SilentPropagator extends Propagator {
  readonly performed: unknown[] = [];

  override async perform<V extends Verb>(given: CallOf<V>): Promise<OutcomeOf<V>> {
    this.performed.push(given);
    return undefined as OutcomeOf<V>;
  }
}

/** The namespace of a recorded call. */
function namespaceOf(recorded: RecordingPropagator['calls'][number] | undefined): unknown {
  if (recorded === undefined) return 'nothing was recorded';
  return ('event' in recorded ? recorded.event : recorded.options).namespace;
}

/** The members of a result, or the result itself. */
function formOf(result: unknown): unknown {
  return typeof result === 'object' && result !== null ? Object.keys(result).sort() : result;
}

describe('the verbs', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).onInMemoryPubSub().start();
  });
  afterAll(() => cluster.close());

  it('are all methods of the base class, each a call of that name', async () => {
    const methods = Object.getOwnPropertyNames(Propagator.prototype);
    expect(methods.filter((name) => name !== 'constructor').sort()).toEqual(VERBS.toSorted());
    const silent = new SilentPropagator();
    for (const verb of VERBS) await call(silent, verb);
    expect(silent.performed).toMatchObject(VERBS.map((verb) => ({ verb })));
  });

  it('are those of the service, the bound namespace and the recorder', () => {
    const { propagator } = cluster.instance(0);
    const recorder = new RecordingPropagator();
    for (const one of [propagator, propagator.of('/chat'), recorder, recorder.of('/chat')]) {
      expect(one).toBeInstanceOf(Propagator);
      // None has a version of its own.
      const own = Object.getOwnPropertyNames(Object.getPrototypeOf(one));
      expect(own.filter((name) => Object.hasOwn(ARGUMENTS, name))).toEqual([]);
    }
  });

  it.each(VERBS)(
    '%s resolves on the service, the bound namespace and the recorder',
    async (verb) => {
      const { propagator } = cluster.instance(0);
      const recorder = new RecordingPropagator();
      const outcome = await call(propagator, verb);
      expect(await call(propagator.of('/chat'), verb)).toEqual(outcome);
      for (const recording of [recorder, recorder.of('/chat')]) {
        expect(formOf(await call(recording, verb))).toEqual(formOf(outcome));
      }
      expect(recorder.calls.map((recorded) => recorded.verb)).toEqual([verb, verb]);
    },
  );

  it.each(VERBS)('%s of a bound namespace passes the namespace', async (verb) => {
    const recorder = new RecordingPropagator();
    await call(recorder.of('/chat'), verb);
    expect(recorder.calls.map(namespaceOf)).toEqual(['/chat']);
    await call(recorder, verb);
    expect(namespaceOf(recorder.calls[1])).toBe(undefined);
    // The service refuses a name that is no namespace, so it has looked at it.
    const refusal = { code: 'target.invalid', message: expect.stringContaining('namespace') };
    await expect(call(cluster.instance(0).propagator.of(''), verb)).rejects.toMatchObject(refusal);
  });

  it.each(VERBS)('%s of a bound namespace changes none of the arguments', async (verb) => {
    const before = structuredClone(ARGUMENTS[verb]);
    await call(cluster.instance(0).propagator.of('/chat'), verb);
    await call(new RecordingPropagator().of('/chat'), verb);
    expect(ARGUMENTS[verb]).toEqual(before);
  });

  it('take the namespace of the bound propagator rather than one of the arguments', async () => {
    const recorder = new RecordingPropagator();
    const chat = recorder.of('/chat');
    // @ts-expect-error the type of the event has no namespace
    await chat.emitToAll({ ...event, namespace: '/other' });
    // @ts-expect-error nor do the other arguments
    await chat.joinUser('nobody', 'r', { namespace: '/other' });
    expect(recorder.calls.map(namespaceOf)).toEqual(['/chat', '/chat']);
  });

  it.each(ON_EVENTS)(
    '%s of a bound namespace counts an event that cannot be read',
    async (verb) => {
      const unreadable = {
        ...(ARGUMENTS[verb][0] as object),
        get data(): never {
          throw new Error('unreadable');
        },
      };
      const { propagator, counts } = cluster.instance(0);
      const refused = counts['emit.refused'] ?? 0;
      const promise = call(propagator.of('/chat'), verb, [unreadable]);
      await expect(promise).rejects.toMatchObject({ code: 'target.invalid' });
      expect(cluster.instance(0).counts['emit.refused']).toBe(refused + 1);
    },
  );

  it.each(ON_EVENTS)('%s of the recorder rejects as the service does', async (verb) => {
    const unreadable = {
      get event(): never {
        throw new Error('unreadable');
      },
    };
    const recorder = new RecordingPropagator();
    const { propagator } = cluster.instance(0);
    for (const one of [propagator, propagator.of('/chat'), recorder, recorder.of('/chat')]) {
      const code = 'target.invalid';
      await expect(call(one, verb, [unreadable])).rejects.toMatchObject({ code });
      await expect(call(one, verb, [null])).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:target\.invalid|event\.invalid-name)$/),
      });
    }
    expect(recorder.calls).toEqual([]);
  });
});
