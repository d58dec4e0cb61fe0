import * as fc from 'fast-check';
import type { ProcessCluster } from './process-cluster.js';
import type { ProcessInstance } from './process-instance.js';
import { ofAll, ofInstance, wait, type Step } from './step.js';

type ClusterStep = Step<ProcessCluster>;
type Work = (instance: ProcessInstance, cluster: ProcessCluster, slot: number) => unknown;

export interface ProcessStepOptions {
  readonly slots: number;
  readonly users: number;
  readonly graceMs: number;
  readonly leaseMs: number;
}

/** Possible steps for instances in processes. A user is one of the users of the history, by number. */
export function processSteps(options: ProcessStepOptions): fc.Arbitrary<ClusterStep> {
  const { slots, users, graceMs, leaseMs } = options;
  const at = fc.nat({ max: slots - 1 });
  const ofUser = (weight: number, shown: string, work: (user: number) => Work) => ({
    weight,
    arbitrary: fc
      .tuple(at, fc.nat({ max: users - 1 }))
      .map(([slot, user]): ClusterStep => ofInstance(slot, `${shown} ${user}`, work(user))),
  });
  const plain = (weight: number, shown: string, work: Work, evenFrozen = false) => ({
    weight,
    arbitrary: at.map((slot): ClusterStep => ofInstance(slot, shown, work, { evenFrozen })),
  });
  const moments = [5, 20, graceMs / 2, graceMs - 10, graceMs + 10, 2 * graceMs, leaseMs / 2];
  return fc.oneof(
    ofUser(
      28,
      'connect',
      (user) =>
        (instance, { name }) =>
          instance.connect(name(user)),
    ),
    ofUser(
      20,
      'disconnect',
      (user) =>
        (instance, { name }) =>
          instance.disconnect(name(user)),
    ),
    ofUser(6, 'visit', (user) => async (instance, { name }) => {
      await instance.connect(name(user));
      instance.disconnect(name(user));
    }),
    ofUser(6, 'reconnect', (user) => async (instance, { name }) => {
      if (instance.socketsOf(name(user)) === 0) return;
      instance.disconnect(name(user));
      await instance.connect(name(user));
    }),
    ofUser(6, 'move', (user) => async (instance, { name, living }) => {
      const next = living.find((other) => other !== instance && !other.isFrozen);
      if (instance.socketsOf(name(user)) === 0 || next === undefined) return;
      instance.disconnect(name(user));
      await next.connect(name(user));
    }),
    ofUser(
      6,
      'status',
      (user) => (instance, cluster) => cluster.setStatus(instance, cluster.name(user)),
    ),
    plain(2, 'kill', (_, cluster, slot) => cluster.kill(slot), true),
    plain(1, 'close', (_, cluster, slot) => cluster.close(slot)),
    {
      weight: 4,
      arbitrary: at.map((slot): ClusterStep =>
        ofAll(
          `started@${slot}`,
          (cluster) => cluster.started(slot),
          (cluster) => cluster.slots[slot] === undefined,
        ),
      ),
    },
    plain(3, 'freeze', (instance) => instance.freeze()),
    plain(5, 'thaw', (instance) => instance.thaw(), true),
    {
      weight: 24,
      arbitrary: fc.constantFrom(...moments, leaseMs + 50).map((ms): ClusterStep => wait(ms)),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(0, graceMs, leaseMs)
        .map((ms): ClusterStep => ofAll(`restart ${ms}`, (cluster) => cluster.restart(ms))),
    },
    { weight: 1, arbitrary: fc.constant<ClusterStep>(ofAll('rest', (cluster) => cluster.rest())) },
  );
}
