import { beforeEach, describe, expect, it } from '@jest/globals';
import type { PresenceChange } from '../../../../src/presence/store/presence-change.js';
import { UnackedChanges } from '../../../../src/presence/tracker/unacked-changes.js';

const change = (
  userId: string,
  at: number,
  type: PresenceChange['type'] = 'online',
): PresenceChange => ({
  type,
  userId,
  at,
  status: type === 'status' ? 'away' : null,
  instanceId: 'a',
});

describe('UnackedChanges', () => {
  let changes: UnackedChanges;
  beforeEach(() => {
    changes = new UnackedChanges();
  });
  const takeAll = (): PresenceChange[] => {
    const taken: PresenceChange[] = [];
    for (let next = changes.next(); next !== undefined; next = changes.next()) taken.push(next);
    return taken;
  };

  it('hands out changes in the order of arrival, each once', () => {
    const all = [change('b', 2), change('a', 1), change('b', 3, 'offline')];
    for (const each of all) changes.add(each);
    expect(takeAll()).toEqual(all);
    expect(changes.next()).toBeUndefined();
  });

  it('ignores a redelivered change, whether the app has received it or not', () => {
    changes.add(change('a', 1));
    changes.add(change('a', 1));
    expect(takeAll()).toHaveLength(1);
    changes.add(change('a', 1));
    expect(takeAll()).toHaveLength(0);
    expect(changes.size).toBe(1);
  });

  it('acknowledges only changes that the app has received', () => {
    changes.add(change('a', 1));
    changes.add(change('b', 2));
    expect(changes.first(10)).toEqual([]);
    changes.next();
    expect(changes.first(10)).toEqual([change('a', 1)]);
    changes.next();
    expect(changes.first(1)).toEqual([change('a', 1)]);
    changes.acknowledged([change('a', 1)]);
    expect(changes.first(10)).toEqual([change('b', 2)]);
  });

  it('does not acknowledge a change of status, which the store does not redeliver', () => {
    changes.add(change('a', 1, 'status'));
    expect(takeAll()).toHaveLength(1);
    expect(changes.size).toBe(0);
  });

  it('forgets all changes when they are left to other instances', () => {
    changes.add(change('a', 1));
    changes.next();
    changes.add(change('b', 2));
    changes.clear();
    expect([changes.size, changes.next()]).toEqual([0, undefined]);
  });

  it('asks for redelivery until a reply to a call that asked has arrived', () => {
    const first = changes.expectReply();
    expect(first.redeliver).toBe(true);
    expect(changes.expectReply().redeliver).toBe(true);
    first.received();
    expect(changes.expectReply().redeliver).toBe(false);
  });

  it('asks again if a reply may have been lost while the call was in flight', () => {
    const inFlight = changes.expectReply();
    changes.requestRedelivery();
    inFlight.received();
    const next = changes.expectReply();
    expect(next.redeliver).toBe(true);
    next.received();
    expect(changes.expectReply().redeliver).toBe(false);
  });
});
