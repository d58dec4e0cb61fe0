import { describe, expect, it } from '@jest/globals';
import { Liveness } from '../../../src/redis/liveness.js';

/** A connection that answers no PING. */
function silentClient(status: string) {
  const client = {
    status,
    stream: { bytesRead: 0 },
    resets: 0,
    ping: () => new Promise(() => {}),
    disconnect: () => {
      client.resets++;
    },
  };
  return client;
}

function checks(client: ReturnType<typeof silentClient>, bytesEach: number): number {
  const liveness = new Liveness(client, 1);
  for (let check = 0; check < 20; check++) {
    client.stream.bytesRead += bytesEach;
    liveness.check();
  }
  return client.resets;
}

describe('a connection whose PING is not answered', () => {
  it('lives as long as any byte arrives: the answer waits behind a long list of commands', () => {
    expect(checks(silentClient('ready'), 1)).toBe(0);
  });

  it('is made anew when nothing arrives', () => {
    expect(checks(silentClient('ready'), 0)).toBeGreaterThan(0);
  });

  it('is given time to open as long as any byte arrives', () => {
    expect(checks(silentClient('connect'), 1)).toBe(0);
    expect(checks(silentClient('connect'), 0)).toBeGreaterThan(0);
  });
});
