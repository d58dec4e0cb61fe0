import type { ClusterRequests } from '../../../src/cluster/cluster-requests.js';
import { afterEach, expect, it, jest } from '@jest/globals';
import { HandOver, MOVING, type Holder } from '../../../src/recovery/hand-over.js';
import { TransferWriter } from '../../../src/recovery/transfer.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { pause } from '../../../src/reporting/timers.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const HOME = '0123456789abcdef';
const OTHER = '1123456789abcdef';
/** The outcome of a request to an instance without a subscription. */
const UNHEARD = { replied: [], missing: [HOME], complete: false, isUnheard: true } as const;

afterEach(() => {
  jest.useRealTimers();
});

function handOverTo(
  request: ClusterRequests['request'],
  find: Holder['find'] = () => undefined,
  // Longer than a test may take.
  timeoutMs = 600_000,
  members = [HOME],
): HandOver {
  return new HandOver({
    instanceId: 'fedcba9876543210',
    holder: {
      find,
      release: () => Promise.resolve([]),
      adopt: () => Promise.resolve([]),
    },
    requests: {
      handle: () => undefined,
      request,
      answered: () => Promise.resolve(),
    },
    cluster: {
      otherMembers: () =>
        members.map((instanceId) => {
          return { instanceId, host: '', pid: 1, startedAt: 0, sockets: 0, users: 0 };
        }),
    },
    reporter: new Reporter(new MemoryLogger()),
    timeoutMs,
    maxMessageBytes: 4_194_304,
  });
}

it('does not wait for the timeout of an instance that has no subscription, as after a crash', async () => {
  const handOver = handOverTo(() => Promise.resolve(UNHEARD));

  expect(await handOver.find('/', `${HOME}.x`, HOME)).toBe('old-instance-silent');
});

it('asks the others at once if the instance has no subscription: it may have ended, and given the session away', async () => {
  jest.useFakeTimers();
  const asked: unknown[] = [];
  const handOver = handOverTo(
    ({ to, onPart }) => {
      asked.push(to);
      if (to === HOME) return Promise.resolve(UNHEARD);
      onPart?.(OTHER, [[0, 'x', []]]);
      return Promise.resolve({ replied: [OTHER], missing: [HOME], complete: false });
    },
    undefined,
    undefined,
    [HOME, OTHER],
  );

  const found = handOver.find('/', `${HOME}.x`, HOME);
  await jest.advanceTimersByTimeAsync(100);
  expect(await found).toEqual({ holder: OTHER, sid: 'x', rooms: [] });
  expect(asked).toEqual([HOME, undefined]);
});

it('looks once more for a session that nobody had: it may have come here meanwhile, or gone from one instance to another', async () => {
  jest.useFakeTimers();
  const session = { sid: 'x', rooms: [] };
  let isHere = false;
  const adopting = handOverTo(
    () => {
      isHere = true;
      return Promise.resolve({ replied: [HOME], missing: [], complete: true });
    },
    () => (isHere ? session : undefined),
  );
  const found = adopting.find('/', `${HOME}.x`, HOME);
  await jest.advanceTimersByTimeAsync(200);
  expect(await found).toEqual(session);

  let asked = 0;
  const asking = handOverTo(
    ({ to, onPart }) => {
      if (to === undefined && ++asked === 2) onPart?.(OTHER, [[0, 'x', []]]);
      return Promise.resolve({ replied: [HOME, OTHER], missing: [], complete: true });
    },
    undefined,
    undefined,
    [HOME, OTHER],
  );
  const moved = asking.find('/', `${HOME}.x`, HOME);
  await jest.advanceTimersByTimeAsync(500);
  expect(await moved).toEqual({ holder: OTHER, ...session });
});

it('asks once more after an answer that took long: on a busy machine it is an old one', async () => {
  jest.useFakeTimers();
  let asked = 0;
  const handOver = handOverTo(async ({ onPart }) => {
    await pause(2_000);
    if (++asked < 3) return UNHEARD;
    onPart?.(HOME, [[0, 'x', []]]);
    return { replied: [HOME], missing: [], complete: true };
  });

  const found = handOver.find('/', `${HOME}.x`, HOME);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(await found).toEqual({ holder: HOME, sid: 'x', rooms: [] });
});

it('does not search any more once this instance ends', async () => {
  let asked = 0;
  const handOver = handOverTo(() => {
    // Silent until its time is over.
    if (++asked === 3) handOver.close();
    return Promise.resolve({ replied: [], missing: [HOME], complete: false });
  });

  expect(await handOver.find('/', `${HOME}.x`, HOME)).toBe('old-instance-silent');
  expect(asked).toBe(3);
});

it('asks an instance that refuses or fails twice a second, and no more', async () => {
  jest.useFakeTimers();
  let asked = 0;
  const handOver = handOverTo(() => {
    asked++;
    return Promise.resolve({ replied: [], missing: [HOME], complete: false });
  });

  const found = handOver.find('/', `${HOME}.x`, HOME);
  await jest.advanceTimersByTimeAsync(5_000);
  expect([asked > 5, asked <= 11]).toEqual([true, true]);
  handOver.close();
  await jest.advanceTimersByTimeAsync(1_000);
  expect(await found).toBe('old-instance-silent');
});

it('waits for an instance that does not reply for one time limit, not for a second one', async () => {
  jest.useFakeTimers();
  const timeoutMs = 5_000;
  const handOver = handOverTo(
    async () => {
      await pause(timeoutMs);
      return { replied: [], missing: [HOME], complete: false };
    },
    undefined,
    timeoutMs,
  );

  let found: unknown;
  void handOver.find('/', `${HOME}.x`, HOME).then((answer) => (found = answer));
  await jest.advanceTimersByTimeAsync(1.5 * timeoutMs);
  expect(found).toBe('old-instance-silent');
});

it('waits for a session that is on its way for longer than for an instance that does not reply', async () => {
  jest.useFakeTimers();
  const timeoutMs = 5_000;
  const session = { sid: 'x', rooms: [] };
  const startedAt = performance.now();
  const find = (comesAfterMs: number) => {
    const handOver = handOverTo(
      () => Promise.reject(new Error('the session is here')),
      () => (performance.now() - startedAt < comesAfterMs ? MOVING : session),
      timeoutMs,
    );
    return handOver.find('/', `${HOME}.x`, HOME);
  };

  // A hand-over may take two proofs of half a time limit each and a request to a busy instance: 17 s of 5 s each.
  const found = Promise.all([find(17_000), find(5 * timeoutMs)]);
  await jest.advanceTimersByTimeAsync(4.5 * timeoutMs);
  expect(await found).toEqual([session, 'old-instance-silent']);
});

it('waits longer for a reply while this instance is busy, in both questions', async () => {
  const stretches: unknown[] = [];
  const handOver = handOverTo(({ stretch = 1, onPart }) => {
    stretches.push(stretch > 1);
    onPart?.(HOME, [[0, 'x', []]]);
    return Promise.resolve({ replied: [HOME], missing: [], complete: true });
  });
  await handOver.find('/', `${HOME}.x`, HOME);
  await handOver.take(HOME, { namespace: '/', pid: '', offset: '', current: [] });
  expect(stretches).toEqual([true, true]);
});

it('takes no session without all parts: an instance may end before it can send one again', async () => {
  const parts: unknown[] = [];
  const writer = new TransferWriter((part) => parts.push(part), 4_194_304);
  const events = [1, 2, 3].map((number) => ({
    offset: `${number}`,
    key: `${number}`,
    compress: true,
    at: performance.now(),
    frames: Buffer.alloc(200_000),
  }));
  writer.add(0, { rooms: [], data: {}, custom: false, base: '', upTo: '', events });
  writer.flush();
  const question = { namespace: '/', pid: `${HOME}.x`, offset: '', current: [] };
  const take = async (received: readonly unknown[]) => {
    const handOver = handOverTo(({ onPart }) => {
      for (const part of received) onPart?.(HOME, part);
      return Promise.resolve({ replied: [], missing: [], complete: true });
    });
    const session = await handOver.take(HOME, question);
    return typeof session === 'string' ? session : session.events.map(({ key }) => key);
  };

  expect(parts).toHaveLength(3);
  expect(await take(parts.toReversed())).toEqual(['1', '2', '3']);
  expect(await take(parts.slice(1))).toBe('not-proven');
  expect(await take(parts.slice(2))).toBe('not-proven');
  // Its result is in the last part.
  expect(await take(parts.slice(0, 2))).toBe('not-proven');
  expect(await take([])).toBe('unknown-session');
});
