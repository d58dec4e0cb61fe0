import type { ConnectOptions, TestClient } from './test-client.js';
import type { TestCluster } from './test-cluster.js';

export interface SampleClients {
  /** A socket of alice on the first instance. */
  origin: TestClient;
  /** Alice's other sockets: one on each instance. */
  others: TestClient[];
  /** A socket of bob on each instance. */
  bobs: TestClient[];
  /** An anonymous socket on each instance. */
  anonymous: TestClient[];
  everybody: TestClient[];
}

/** Alice with several devices, bob, and an anonymous client, spread over all instances. */
export async function connectSampleClients(
  cluster: TestCluster,
  options: ConnectOptions = {},
): Promise<SampleClients> {
  const everywhere = (who: ConnectOptions): Promise<TestClient[]> =>
    Promise.all(cluster.instances.map((instance) => instance.connect({ ...options, ...who })));
  const [origin, others, bobs, anonymous] = await Promise.all([
    cluster.instance(0).connect({ ...options, token: 'alice' }),
    everywhere({ token: 'alice' }),
    everywhere({ token: 'bob' }),
    everywhere({}),
  ]);
  return { origin, others, bobs, anonymous, everybody: [origin, ...others, ...bobs, ...anonymous] };
}
