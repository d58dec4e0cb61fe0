import type { TestClient } from './test-client.js';
import type { TestInstance } from './test-instance.js';
import { until } from './until.js';

/** Ends the connection like a network failure, without a disconnect packet. */
export async function loseConnection(client: TestClient, { state }: TestInstance): Promise<void> {
  const before = state.socketCount;
  client.socket.io.engine.close();
  await until(
    () => state.socketCount === before - 1,
    () => 'the server to notice',
  );
}

export async function reconnect(client: TestClient): Promise<void> {
  client.socket.connect();
  await client.connected();
}
