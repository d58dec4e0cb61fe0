import { PATIENCE_MS } from './until.js';
import type { TestClient } from './test-client.js';

/** JSON of nested arrays, deeper than Socket.IO's own client can encode. */
export function nestedArrays(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

interface Internals {
  readonly acks: Record<number, (answer: unknown) => void>;
  readonly io: { readonly engine: { write(packet: string): void } };
}

let lastId = 1_000_000;

/** Sends a message without Socket.IO's encoder, as a hostile client can. */
export function emitRaw(client: TestClient, event: string, json: string): void {
  const { io } = client.socket as unknown as Internals;
  io.engine.write(`2${namespaceOf(client)}["${event}",${json}]`);
}

/** Sends a message with an acknowledgement. Resolves to the acknowledged value. */
export function emitRawWithAck(client: TestClient, event: string, json: string): Promise<unknown> {
  const { acks, io } = client.socket as unknown as Internals;
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, PATIENCE_MS, new Error(`no answer to "${event}"`));
    acks[id] = (answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    io.engine.write(`2${namespaceOf(client)}${id}["${event}",${json}]`);
  });
}

function namespaceOf({ namespace }: TestClient): string {
  return namespace === '/' ? '' : `${namespace},`;
}
