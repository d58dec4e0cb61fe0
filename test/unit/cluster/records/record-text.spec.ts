import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  decodeDescription,
  encodeDescription,
  type InstanceDescription,
} from '../../../../src/cluster/records/record-text.js';

const count = fc.nat(2 ** 31);
const descriptions: fc.Arbitrary<InstanceDescription> = fc.record({
  reads: fc.array(fc.nat(255), { maxLength: 5 }),
  host: fc.string({ unit: 'binary', maxLength: 100 }),
  pid: count,
  startedAt: count,
  sockets: count,
  users: count,
  sequence: count,
  lanes: fc.array(
    fc
      .record({ lane: count, server: fc.string({ maxLength: 40 }), head: count, more: count })
      .map(({ lane, server, head, more }) => ({ lane, server, head, last: head + more })),
    { maxLength: 5 },
  ),
});

const GOOD = [[1, 2], 'host', 7, 1, 2, 3, 9, [[1, 'redis', 5, 2]]];

describe('the text of a record', () => {
  it('says what was written', () => {
    fc.assert(
      fc.property(descriptions, (given) => {
        expect(decodeDescription(encodeDescription(given))).toEqual(given);
      }),
    );
  });

  it('may have more than this version knows', () => {
    const lane = { lane: 1, server: 'redis', head: 5, last: 7 };
    expect(decodeDescription(JSON.stringify([...GOOD, 'later']))).toMatchObject({
      reads: [1, 2],
      sequence: 9,
      lanes: [lane],
    });
  });

  it('is refused in another form, and never throws', () => {
    const wrong: [index: number, value: unknown][] = [
      [0, 5],
      [0, ['x']],
      [0, Array.from({ length: 65 }, () => 1)],
      [1, 5],
      [1, 'x'.repeat(256)],
      [2, -1],
      [3, 1.5],
      [4, null],
      [5, 'x'],
      [6, 2 ** 60],
      [7, 'x'],
      [7, [[1, 'redis', 5]]],
      [7, [[1, 5, 5, 2]]],
      [7, [[1, 'x'.repeat(301), 5, 2]]],
      [7, [[1, 'redis', Number.MAX_SAFE_INTEGER, 2]]],
      [7, [null]],
      [7, Array.from({ length: 1_025 }, () => [1, 'redis', 5, 2])],
    ];
    for (const [index, value] of wrong) {
      expect(decodeDescription(JSON.stringify(GOOD.with(index, value as never)))).toBeUndefined();
    }
    for (const text of ['', '{', 'null', '{}', '[]', '"x"']) {
      expect(decodeDescription(text)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.json(), (text) => {
        decodeDescription(text);
      }),
    );
  });
});
