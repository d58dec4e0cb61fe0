import { untilMembersKnown } from '../../support/members.js';
import { serversWith } from '../../support/servers-with.js';
import { presenceOf } from '../../support/presence/presence-cluster.js';
import { givenCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';
import { censusOf, provenBy, serverOf } from './census.js';
import { RootGateway, TenantGateway } from './gateways.js';
import { heldObjects, heapBytes } from './heap.js';
import { silentLogger } from './silent-logger.js';
import { askEverything, openQuestions, type Addressees } from './questions.js';
import { serve } from './serve.js';

// Two instances of an app in a process of their own, without a test runner and without clients.

/** Short, so that unanswered requests end during the test. */
const TIMEOUT_MS = 200;

const cluster = await givenCluster()
  .of(2)
  .with(RootGateway, TenantGateway)
  .configured({
    ackTimeoutMs: TIMEOUT_MS,
    requestTimeoutMs: TIMEOUT_MS,
    logger: silentLogger,
    presence: { canWatch: () => true },
    // The least: clients that have left can come back for a second.
    recovery: { maxDisconnectionMs: 1_000, maxBytes: 65_536, persist: true },
  })
  .prepared(serversWith({ cleanupEmptyChildNamespaces: true }))
  .start();
await untilMembersKnown(cluster);
// Like many apps: changes without a subscriber wait for a while.
for (const instance of cluster.instances) presenceOf(instance).changes$.subscribe();
// The first event of an instance gives it a lane, which its record then lists for good.
for (const { propagator } of cluster.instances) await propagator.emitToAll({ event: 'first' });
await until(
  () => cluster.instances.every((instance) => provenBy(instance) === cluster.instances.length - 1),
  () => 'the positions of the instances',
);

serve({
  prefix: () => cluster.prefix,
  urls: () => cluster.instances.map(({ url }) => url),
  connections: () =>
    cluster.instances.reduce((sum, each) => sum + serverOf(each).engine.clientsCount, 0),
  /** Returns the number of requests to other instances. */
  ask: (index: number, whom: Addressees) =>
    askEverything(cluster.instance(index), whom, TIMEOUT_MS),
  openQuestions,
  census: () => cluster.instances.map(censusOf),
  heapBytes,
  heldObjects,
  close: () => cluster.close(),
});
