import { acquainted } from '../../support/acquainted.js';
import { serversWith } from '../../support/adapter-with.js';
import { presenceOf } from '../../support/presence/presence-cluster.js';
import { givenCluster } from '../../support/test-cluster.js';
import { censusOf, serverOf } from './census.js';
import { RootGateway, TenantGateway } from './gateways.js';
import { heldObjects, heapBytes } from './heap.js';
import { silentLogger } from './silent-logger.js';
import { askEverything, openQuestions, type Addressees } from './questions.js';
import { serve } from './serve.js';

// Two instances of an app in a process without anything else in it: no test runner, no clients.

/** Short, for questions that nobody answers to end while the test waits. */
const TIMEOUT_MS = 200;

const cluster = await givenCluster()
  .of(2)
  .with(RootGateway, TenantGateway)
  .configured({ ackTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS, logger: silentLogger })
  .prepared(serversWith({ cleanupEmptyChildNamespaces: true }))
  .start();
await acquainted(cluster);
// As apps do: what nobody listens to waits for a while.
for (const instance of cluster.instances) presenceOf(instance).changes$.subscribe();

serve({
  prefix: () => cluster.prefix,
  urls: () => cluster.instances.map(({ url }) => url),
  connections: () =>
    cluster.instances.reduce((sum, each) => sum + serverOf(each).engine.clientsCount, 0),
  /** Returns how many requests to other instances that made. */
  ask: (index: number, whom: Addressees) =>
    askEverything(cluster.instance(index), whom, TIMEOUT_MS),
  openQuestions,
  census: () => cluster.instances.map(censusOf),
  heapBytes,
  heldObjects,
  close: () => cluster.close(),
});
