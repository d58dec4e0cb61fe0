import { beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  framed,
  waitingBytes,
  writeLatest,
  type EngineSocket,
  type WriteOptions,
} from '../../../src/socket-io/engine-socket.js';

interface Packet {
  readonly data: unknown;
  readonly options: WriteOptions;
}

/** As Engine.IO: packets wait in a buffer while the transport cannot write, and leave all at once. */
class FakeConnection {
  writeBuffer: Packet[] = [];
  readonly sent: unknown[] = [];
  writable = false;

  write(data: unknown, options: WriteOptions): void {
    this.writeBuffer.push({ data, options });
    if (this.writable) this.flush();
    // Until the transport has sent it.
    this.writable = false;
  }

  flush(): void {
    if (this.writeBuffer.length === 0) return;
    this.sent.push(...this.waiting);
    this.writeBuffer = [];
  }

  get waiting(): unknown[] {
    return this.writeBuffer.map(({ data }) => data);
  }

  /** The same packets in a buffer that was never counted. */
  get uncounted(): EngineSocket {
    return { writeBuffer: [...this.writeBuffer] } as unknown as EngineSocket;
  }
}

let fake: FakeConnection;
let connection: EngineSocket;
beforeEach(() => {
  fake = new FakeConnection();
  connection = fake as unknown as EngineSocket;
});

const latest = (key: string, ...parts: unknown[]): boolean =>
  writeLatest(connection, key, parts, { compress: true });
const plain = (data: unknown): void => connection.write(data, { compress: true });

const frame = (length: number) => framed(Buffer.alloc(length));

describe('the latest event of a key, written to a connection that is not ready', () => {
  it('takes the place of an earlier one that waits, at the end of the buffer', () => {
    expect(latest('a', 'a1')).toBe(false);
    plain('other');
    expect(latest('b', 'b1')).toBe(false);
    expect(latest('a', 'a2')).toBe(true);
    expect(fake.waiting).toEqual(['other', 'b1', 'a2']);
  });

  it('replaces all packets of an event with attachments, and nothing else', () => {
    latest('a', 'a1', 'a1 attachment', 'a1 attachment 2');
    plain('a1 attachment');
    latest('a', 'a2', 'a2 attachment');
    expect(fake.waiting).toEqual(['a1 attachment', 'a2', 'a2 attachment']);
  });

  it('does not replace an event that the transport has taken', () => {
    latest('a', 'a1');
    fake.flush();
    expect(latest('a', 'a2')).toBe(false);
    expect([fake.sent, fake.waiting]).toEqual([['a1'], ['a2']]);
  });

  it('does not replace the rest of an event whose first packet was sent', () => {
    fake.writable = true;
    latest('a', 'a1', 'a1 attachment');
    expect([fake.sent, fake.waiting]).toEqual([['a1'], ['a1 attachment']]);
    expect(latest('a', 'a2', 'a2 attachment')).toBe(false);
    expect(latest('a', 'a3', 'a3 attachment')).toBe(true);
    expect(fake.waiting).toEqual(['a1 attachment', 'a3', 'a3 attachment']);
  });

  it('keeps the waiting event if a connection that is closing takes no other', () => {
    latest('a', 'a1');
    connection.write = () => undefined;
    expect(latest('a', 'a2')).toBe(false);
    expect(fake.waiting).toEqual(['a1']);
  });

  it('replaces nothing if other packets came between its own', () => {
    const write = fake.write.bind(fake);
    connection.write = (data, options) => {
      if (data === 'a1 attachment') fake.writeBuffer.push({ data: 'pong', options: {} });
      write(data, options);
    };
    expect(latest('a', 'a1', 'a1 attachment')).toBe(false);
    expect(latest('a', 'a2')).toBe(false);
    expect(fake.waiting).toEqual(['a1', 'pong', 'a1 attachment', 'a2']);
  });

  it('replaces nothing if an app has changed the buffer', () => {
    latest('a', 'a1', 'a1 attachment');
    fake.writeBuffer.pop();
    expect(latest('a', 'a2')).toBe(false);
    expect(fake.waiting).toEqual(['a1', 'a2']);
    fake.writeBuffer.length = 0;
    expect(latest('a', 'a3')).toBe(false);
    expect(fake.waiting).toEqual(['a3']);
  });

  it('replaces no event that has 1,024 packets behind it, so that a full buffer costs no time', () => {
    latest('a', 'a1');
    for (let i = 0; i < 1_022; i++) plain('other');
    expect(latest('a', 'a2')).toBe(true);
    for (let i = 0; i < 1_023; i++) plain('other');
    expect(latest('a', 'a3')).toBe(false);
    expect(latest('a', 'a4')).toBe(true);
    expect(fake.waiting.filter((data) => data !== 'other')).toEqual(['a2', 'a4']);
  });

  it.each([undefined, null, 5, 'text', {}])(
    'is written like any other if the buffer is %p',
    (writeBuffer) => {
      const written: unknown[] = [];
      const other = {
        writeBuffer,
        write: (data: unknown) => written.push(data),
      } as unknown as EngineSocket;
      for (const part of ['a1', 'a2']) {
        expect(writeLatest(other, 'a', [part], {})).toBe(false);
      }
      expect(written).toEqual(['a1', 'a2']);
    },
  );

  it('is written like any other if Engine.IO copies the options of a packet', () => {
    const write = fake.write.bind(fake);
    connection.write = (data, options) => write(data, { ...options });
    expect([latest('a', 'a1'), latest('a', 'a2')]).toEqual([false, false]);
    expect(fake.waiting).toEqual(['a1', 'a2']);
  });

  it('counts towards the limit of a slow client, with its key, and only while it waits', () => {
    writeLatest(connection, 'key', [undefined], frame(1_000));
    const one = waitingBytes(connection);
    expect(one).toBeGreaterThan(1_000 + 'key'.length);
    for (let i = 0; i < 100; i++) {
      writeLatest(connection, 'key', [undefined], frame(1_000));
      writeLatest(connection, 'key', [undefined], frame(1_000));
      expect(waitingBytes(connection)).toBe(one);
    }
    writeLatest(connection, 'other key'.repeat(100), [undefined], frame(1_000));
    expect(waitingBytes(connection) - one).toBeGreaterThan(1_900);
  });

  it('leaves the same packets as a model, whatever else is written, counted and sent', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('latest'), key, parts: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constantFrom('plain', 'count', 'flush', 'ready') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        fake = new FakeConnection();
        connection = fake as unknown as EngineSocket;
        /** Each entry: the key of an event that can be replaced, and its packets. */
        let model: { key?: string; data: string[] }[] = [];
        const keys = new Set<string>();
        for (const [i, given] of steps.entries()) {
          const { writable } = fake;
          /** The result of the step, and the one of the model. */
          let [result, expected]: unknown[] = [];
          if ('key' in given) {
            const data = Array.from({ length: given.parts }, (_, part) => `${i} ${part}`);
            result = latest(given.key, ...data);
            const older = model.find((entry) => entry.key === given.key);
            expected = !writable && older !== undefined;
            if (writable) {
              model = data.length === 1 ? [] : [{ data: data.slice(1) }];
              keys.clear();
            } else {
              model = [...model.filter((entry) => entry !== older), { key: given.key, data }];
              keys.add(given.key);
            }
          } else if (given.kind === 'plain') {
            plain(`${i}`);
            if (writable) keys.clear();
            model = writable ? [] : [...model, { data: [`${i}`] }];
          } else if (given.kind === 'count') {
            result = waitingBytes(connection);
            expected = waitingBytes(fake.uncounted) + keys.size * (128 + 'a'.length);
          } else if (given.kind === 'flush') {
            fake.flush();
            model = [];
            keys.clear();
          } else {
            fake.flush();
            fake.writable = true;
            model = [];
            keys.clear();
          }
          expect(result).toBe(expected);
          expect(fake.waiting).toEqual(model.flatMap(({ data }) => data));
        }
      }),
      { numRuns: 300 },
    );
  });
});
