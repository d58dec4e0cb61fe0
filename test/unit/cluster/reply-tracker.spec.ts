import { describe, expect, it } from '@jest/globals';
import { ReplyTracker } from '../../../src/cluster/reply-tracker.js';

const handed = (instances: number, unknownSubscribers = 0) => ({ instances, unknownSubscribers });

describe('tracking the replies to a request', () => {
  it('ends at once if there is nobody to ask', () => {
    expect(new ReplyTracker([]).isOver(handed(0))).toBe(true);
  });

  it('ends when every instance counted by Redis has replied', () => {
    const roll = new ReplyTracker(['a', 'b']);
    roll.addReply('a');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.addReply('b');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
    expect(roll.replied).toEqual(['a', 'b']);
  });

  it('waits for instances that Redis counted and that are not known yet', () => {
    const roll = new ReplyTracker(['a']);
    roll.addReply('a');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.addReply('a newcomer');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
  });

  it('does not wait for subscribers that are no instances', () => {
    const roll = new ReplyTracker(['a']);
    expect(roll.isOver(handed(2, 1))).toBe(false);
    roll.addReply('a');
    expect(roll.isOver(handed(2, 1))).toBe(true);
    expect(roll.missing).toEqual([]);
  });

  it('does not mistake such a subscriber for a member that has not replied', () => {
    const roll = new ReplyTracker(['a', 'b']);
    roll.addReply('a newcomer');
    roll.addReply('a');
    expect(roll.isOver(handed(3, 1))).toBe(false);
    roll.addReply('b');
    expect(roll.isOver(handed(3, 1))).toBe(true);
  });

  it('names members that Redis did not count, and does not wait for them', () => {
    const roll = new ReplyTracker(['a', 'unreachable']);
    expect(roll.isOver(handed(1))).toBe(false);
    roll.addReply('a');
    expect(roll.isOver(handed(1))).toBe(true);
    expect(roll.missing).toEqual(['unreachable']);
  });

  it('names members that cannot reply', () => {
    const roll = new ReplyTracker(['a', 'b']);
    roll.refused('b');
    roll.addReply('a');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual(['b']);
    expect(roll.replied).toEqual(['a']);
  });

  it('does not name instances that left, and names those that were lost', () => {
    const roll = new ReplyTracker(['left', 'lost', 'a']);
    roll.gone('left', 'left');
    roll.gone('lost', 'lost');
    expect(roll.isOver(handed(3))).toBe(false);
    roll.addReply('a');
    expect(roll.isOver(handed(3))).toBe(true);
    expect(roll.missing).toEqual(['lost']);
  });

  it('does not end for a lost instance that Redis did not count before the others have replied', () => {
    const roll = new ReplyTracker(['lost', 'a']);
    roll.gone('lost', 'lost');
    expect(roll.isOver(handed(1))).toBe(false);
    roll.addReply('a');
    expect(roll.isOver(handed(1))).toBe(true);
    expect(roll.missing).toEqual(['lost']);
  });

  it('counts an instance that replied and then left once', () => {
    const roll = new ReplyTracker(['a', 'b']);
    roll.addReply('a');
    roll.gone('a', 'lost');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.addReply('b');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
  });
});
