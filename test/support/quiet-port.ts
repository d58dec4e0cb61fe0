import { once } from 'node:events';
import { createServer } from 'node:net';

// Below what kernels hand out by themselves (from 32768 on Linux): nothing else gets the port in the meantime, and a
// client that retries it cannot be connected to itself.
const FIRST = 20_000;
const COUNT = 12_000;

/** A port that nobody listens on, and that stays so until the test does. */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
