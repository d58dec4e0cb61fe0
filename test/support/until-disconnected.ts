import type { TestClient } from './test-client.js';
import { until } from './until.js';

/** Waits until the server has disconnected a client. */
export function untilDisconnected(client: TestClient): Promise<void> {
  return until(
    () => !client.socket.connected,
    () => `the end of client ${client.id}`,
  );
}
