import type { TestClient } from './test-client.js';
import type { TestInstance } from './test-instance.js';
import { until } from './until.js';

/** The connection ends, as when the network goes away, and not as when the client says good-bye. */
export async function lose(client: TestClient, { state }: TestInstance): Promise<void> {
  const before = state.socketCount;
  client.socket.io.engine.close();
  await until(
    () => state.socketCount === before - 1,
    () => 'the server to notice',
  );
}

export async function comeBack(client: TestClient): Promise<void> {
  client.socket.connect();
  await client.connected();
}
