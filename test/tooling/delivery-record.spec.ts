import { describe, expect, it } from '@jest/globals';
import { DeliveryRecord, emptyJudgement, sumOf } from '../support/delivery-record.mjs';

/** `true` and `false`: connections that are recovered or not. */
function judge(history: (number | boolean)[], sent: number[]) {
  const record = new DeliveryRecord();
  for (const entry of history) {
    if (typeof entry === 'boolean') record.connected(entry);
    else record.received('s', entry);
  }
  return record.judge(new Map([['s', sent]]));
}

describe('the record of a client', () => {
  const SENT = [1, 3, 5, 7];
  const all = { ...emptyJudgement(), expected: 4, delivered: 4 };

  it('counts what was delivered', () => {
    expect(judge([false, 1, 3, 5, 7], SENT)).toEqual(all);
    expect(judge([false, 1, 3, true, 5, true, 7], SENT)).toEqual({
      ...all,
      reconnects: 2,
      recovered: 2,
    });
  });

  it('counts as a fault what is missing in a session, also at its beginning and at its end', () => {
    expect(judge([false, 1, 5, 7], SENT)).toMatchObject({ delivered: 3, missed: 1 });
    expect(judge([false, 1, true, 7], SENT)).toMatchObject({ delivered: 2, missed: 2 });
    expect(judge([false, 3, 5, true], SENT)).toMatchObject({ delivered: 2, missed: 2 });
    expect(judge([false], SENT)).toMatchObject({ delivered: 0, missed: 4 });
  });

  it('excuses what is missing between two sessions', () => {
    expect(judge([false, 1, false, 7], SENT)).toMatchObject({ delivered: 2, missed: 0 });
    expect(judge([false, 1, false], SENT)).toMatchObject({ delivered: 1, missed: 0 });
    expect(judge([false, 1, false, 3, 7], SENT)).toMatchObject({ delivered: 3, missed: 1 });
  });

  it('counts what comes twice, too late, or for somebody else', () => {
    expect(judge([false, 1, 3, 3, 5, 7, 1], SENT)).toEqual({ ...all, twice: 2 });
    expect(judge([false, 1, 3, false, 3, 5, 7], SENT)).toEqual({
      ...all,
      repeated: 1,
      reconnects: 1,
    });
    expect(judge([false, 1, 5, 3, 7], SENT)).toEqual({ ...all, missed: 1, outOfOrder: 1 });
    expect(judge([false, 1, 2, 3, 5, 7], SENT)).toEqual({ ...all, foreign: 1 });
    const record = new DeliveryRecord();
    record.received('other', 1);
    expect(record.judge(new Map())).toEqual({ ...emptyJudgement(), foreign: 1 });
  });

  it('adds up', () => {
    expect(sumOf([judge([false, 1], [1]), judge([false, 1, true], [1])])).toEqual({
      ...emptyJudgement(),
      expected: 2,
      delivered: 2,
      reconnects: 1,
      recovered: 1,
    });
  });
});
