import { describe, expect, it } from '@jest/globals';
import { clientFrame, FrameReader } from '../../bench/processes/frame-reader.mjs';

function serverFrame(payload: Buffer, first = 0x81): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([first, length]), payload]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeUInt32BE(length, 6);
  return Buffer.concat([head, payload]);
}

describe('the frames that the clients of the benches count', () => {
  const payloads = [1, 125, 126, 65_535, 65_536].map((length) => Buffer.alloc(length, 'x'));
  const stream = Buffer.concat([
    ...payloads.map((payload) => serverFrame(payload)),
    serverFrame(Buffer.from([1, 2, 3]), 0x82),
  ]);

  it.each([1, 7, 1_000, 200_000])('are the same in chunks of %i bytes', (size) => {
    const seen: [boolean, number][] = [];
    const reader = new FrameReader((text, _bytes, start, end) => seen.push([text, end - start]));
    // Byte by byte it would copy the long ones again and again.
    const bytes = size === 1 ? stream.subarray(0, 300) : stream;
    for (let i = 0; i < bytes.length; i += size) reader.read(bytes.subarray(i, i + size));
    const all = [...payloads.map(({ length }) => [true, length]), [false, 3]];
    expect(seen).toEqual(size === 1 ? all.slice(0, 3) : all);
  });

  it('of a client are masked', () => {
    const short = clientFrame('40');
    expect([...short]).toEqual([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]);
    expect(clientFrame('x'.repeat(200)).readUInt16BE(2)).toBe(200);
  });
});
