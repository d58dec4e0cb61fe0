import { describe, expect, it } from '@jest/globals';
import { Liveness } from '../../../src/redis/liveness.js';

/** A connection that does not answer PING. */
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
  it('stays open as long as any byte arrives: the reply waits behind a long list of commands', () => {
    expect(checks(silentClient('ready'), 1)).toBe(0);
  });

  it('is replaced when nothing arrives', () => {
    expect(checks(silentClient('ready'), 0)).toBeGreaterThan(0);
  });

  it('may take its time to open as long as any byte arrives', () => {
    expect(checks(silentClient('connect'), 1)).toBe(0);
    expect(checks(silentClient('connect'), 0)).toBeGreaterThan(0);
  });
});

/** @param bytesEach bytes that arrive by themselves before each check */
async function pingsOf(bytesEach: number): Promise<number> {
  let count = 0;
  const stream = { bytesRead: 0 };
  const ping = async (): Promise<void> => {
    count++;
    stream.bytesRead += 7;
  };
  const client = { status: 'ready', stream, ping, disconnect: () => (count = NaN) };
  const liveness = new Liveness(client, 1);
  for (let check = 0; check < 20; check++) {
    stream.bytesRead += bytesEach;
    liveness.check();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

describe('a connection that answers PING', () => {
  it('is asked at each check while it is silent, except for the first one', async () => {
    expect(await pingsOf(0)).toBe(19);
  });

  it('is never asked while bytes arrive by themselves', async () => {
    expect(await pingsOf(1)).toBe(0);
  });
});
