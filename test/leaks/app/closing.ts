import type { Identity } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { serversWith } from '../../support/servers-with.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { runtimeOf, serverOf } from './census.js';
import { RootGateway, TenantGateway } from './gateways.js';
import { openQuestions, askAndWait, type Addressees } from './questions.js';
import { serve } from './serve.js';
import { silentLogger } from './silent-logger.js';

// Two instances of an app that wait for very many things, and are closed.

/** Longer than any test waits: a forgotten timer keeps this process alive, or is found. */
const TIMEOUT_MS = 600_000;

let cluster: TestCluster;
let atTheDoor = 0;

/** Never authenticates the user `slow`. */
function authenticate(token: string): Promise<Identity> | Identity {
  if (token !== 'slow') return { userId: token };
  atTheDoor++;
  return new Promise(() => {});
}

serve({
  /** The resources that Node waits for in this process. */
  resources: () => process.getActiveResourcesInfo().sort(),
  async start() {
    cluster = await givenCluster()
      .of(2)
      .with(RootGateway, TenantGateway)
      .configured({
        ackTimeoutMs: TIMEOUT_MS,
        requestTimeoutMs: TIMEOUT_MS,
        subscribeTimeoutMs: TIMEOUT_MS,
        publishTimeoutMs: TIMEOUT_MS,
        memberTimeoutMs: TIMEOUT_MS,
        logger: silentLogger,
        auth: { authenticate, timeoutMs: TIMEOUT_MS },
        recovery: { maxDisconnectionMs: TIMEOUT_MS },
      })
      .prepared(
        serversWith({
          cleanupEmptyChildNamespaces: true,
        }),
      )
      .start();
    await untilMembersKnown(cluster);
    return cluster.instances.map(({ url }) => url);
  },
  ask: (index: number, whom: Addressees) => askAndWait(cluster.instance(index), whom, TIMEOUT_MS),
  clients: () => ({
    atTheDoor,
    connected: cluster.instances.map((each) => serverOf(each).engine.clientsCount),
  }),
  pending: () => ({
    questions: openQuestions(),
    requests: cluster.instances.map((each) => runtimeOf(each).requests.size),
  }),
  close: () => cluster.close(),
});
