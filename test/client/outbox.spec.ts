import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Clients, untilState } from './support/clients.js';
import { PlainServer } from './support/plain-server.js';
import { until } from '../support/until.js';

interface Sent {
  readonly data: unknown;
  readonly id: unknown;
}

type Ack = (answer: unknown) => void;

describe('emitOnce', () => {
  const clients = new Clients();
  let server: PlainServer | undefined;
  afterEach(async () => {
    clients.close();
    await server?.close();
  });

  /** A server that notes each event, and answers it or not. */
  const start = async (
    answer: (sent: Sent, ack: Ack, count: number) => void,
  ): Promise<{ server: PlainServer; sent: Sent[] }> => {
    server = await PlainServer.start();
    const sent: Sent[] = [];
    server.io.on('connection', (socket) => {
      socket.on('say', (data: unknown, marker: Record<string, unknown>, ack: Ack) => {
        const one = { data, id: marker['propagator:once'] };
        sent.push(one);
        answer(one, ack, sent.length);
      });
    });
    return { server, sent };
  };

  it('sends an event until it is acknowledged, with the same id, and the events in order', async () => {
    const { server: plain, sent } = await start(({ data }, ack, count) => {
      // The answer to the first one is lost with its connection.
      if (count === 1) plain.dropClients();
      else ack({ said: data });
    });
    const socket = clients.connect(plain.url);
    const answers = await Promise.all([1, 2, 3].map((data) => socket.emitOnce('say', data)));
    expect(answers).toEqual([{ said: 1 }, { said: 2 }, { said: 3 }]);
    expect(sent.map(({ data }) => data)).toEqual([1, 1, 2, 3]);
    const ids = sent.map(({ id }) => id);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('sends again what is not acknowledged in time, and what the server asks for again', async () => {
    const { server: plain, sent } = await start((_sent, ack, count) => {
      if (count === 2)
        ack({ status: 'error', code: 'once.busy', message: 'busy', retryAfterMs: 5 });
      if (count > 2) ack('done');
    });
    const socket = clients.connect(plain.url, { outbox: { ackTimeoutMs: 50 } });
    await expect(socket.emitOnce('say', 1)).resolves.toBe('done');
    // On a busy machine an answer may come too late.
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
  });

  it('rejects with the error of the server, and goes on with the next event', async () => {
    const failure = { status: 'error', code: 'room.not-a-member', message: 'join first' };
    const { server: plain } = await start((_sent, ack, count) => ack(count === 1 ? failure : 'ok'));
    const socket = clients.connect(plain.url);
    const [first, second] = await Promise.allSettled([
      socket.emitOnce('say', 1),
      socket.emitOnce('say', 2),
    ]);
    expect(first).toMatchObject({ reason: { code: 'room.not-a-member', answer: failure } });
    expect(second).toMatchObject({ value: 'ok' });
  });

  it.each([
    [{ status: 'error', code: 'once.no-answer', message: 'handled' }, 'once.no-answer', 'handled'],
    [{ status: 'error', code: 404, message: 'none' }, '404', 'none'],
    [{ status: 'error', message: 'Internal server error' }, 'handler.failed', /^Internal/],
    [{ status: 'error', code: { toString: 1 }, message: { toString: 1 } }, 'handler.failed', /^h/],
  ])('does not send an event again after the answer %j', async (answer, code, message) => {
    const { server: plain, sent } = await start((_sent, ack) => ack(answer));
    const socket = clients.connect(plain.url);
    await expect(socket.emitOnce('say', 1)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      answer,
    });
    expect(sent).toHaveLength(1);
  });

  it('settles every promise: too many, too late, disconnected, not encodable', async () => {
    const { server: plain } = await start(() => undefined);
    const socket = clients.connect(plain.url, { outbox: { maxEvents: 2, timeoutMs: 300 } });
    await untilState(socket, 'connected');
    const codes = [1, 2, 3].map((data) =>
      socket.emitOnce('say', data).then(
        () => 'acknowledged',
        ({ code }: { code: string }) => code,
      ),
    );
    expect(await Promise.all(codes)).toEqual(['outbox.timeout', 'outbox.timeout', 'outbox.full']);
    const patient = clients.connect(plain.url, { outbox: { timeoutMs: 3_600_000 } });
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    await untilState(patient, 'connected');
    await expect(patient.emitOnce('say', cycle)).rejects.toThrow('call stack');
    const lost = patient.emitOnce('say', 1);
    await until(
      () => patient.connected,
      () => 'the connection',
    );
    patient.disconnect();
    await expect(lost).rejects.toMatchObject({ code: 'outbox.closed' });
  });

  it('waits for ever, if it is to', async () => {
    const { server: plain } = await start((_sent, ack, count) =>
      count === 1 ? setTimeout(() => ack('late'), 100) : ack('again'),
    );
    const outbox = { timeoutMs: Infinity, ackTimeoutMs: Infinity };
    const socket = clients.connect(plain.url, { outbox });
    await expect(socket.emitOnce('say', 1)).resolves.toBe('late');
  });

  it('rejects without random numbers, and leaves no timer that throws', async () => {
    const { server: plain } = await start((_sent, ack) => ack('done'));
    const socket = clients.connect(plain.url, { outbox: { timeoutMs: 1 } });
    const uncaught: unknown[] = [];
    const note = (error: unknown): unknown => uncaught.push(error);
    process.on('uncaughtException', note);
    const random = jest.spyOn(crypto, 'getRandomValues').mockImplementation(() => {
      throw new Error('no random numbers');
    });
    await expect(socket.emitOnce('say', 1)).rejects.toThrow('no random numbers');
    random.mockRestore();
    // A timer that was started before.
    await new Promise((resolve) => setTimeout(resolve, 2));
    process.off('uncaughtException', note);
    expect(uncaught).toEqual([]);
  });
});
