import { describe, expect, it } from '@jest/globals';
import { RollCall } from '../../../src/cluster/roll-call.js';

const handed = (instances: number, outsiders = 0) => ({ instances, outsiders });

describe('a roll call', () => {
  it('of nobody is over at once', () => {
    expect(new RollCall([]).isOver(handed(0))).toBe(true);
  });

  it('is over when everybody whom Redis counted has been heard', () => {
    const roll = new RollCall(['a', 'b']);
    roll.heard('a');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.heard('b');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
    expect(roll.answered).toEqual(['a', 'b']);
  });

  it('waits for those whom Redis counted and nobody knows yet', () => {
    const roll = new RollCall(['a']);
    roll.heard('a');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.heard('a newcomer');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
  });

  it('does not wait for outsiders', () => {
    const roll = new RollCall(['a']);
    expect(roll.isOver(handed(2, 1))).toBe(false);
    roll.heard('a');
    expect(roll.isOver(handed(2, 1))).toBe(true);
    expect(roll.missing).toEqual([]);
  });

  it('does not take an outsider for a member that is still to answer', () => {
    const roll = new RollCall(['a', 'b']);
    roll.heard('a newcomer');
    roll.heard('a');
    expect(roll.isOver(handed(3, 1))).toBe(false);
    roll.heard('b');
    expect(roll.isOver(handed(3, 1))).toBe(true);
  });

  it('names the members whom Redis did not count, and does not wait for them', () => {
    const roll = new RollCall(['a', 'unreachable']);
    expect(roll.isOver(handed(1))).toBe(false);
    roll.heard('a');
    expect(roll.isOver(handed(1))).toBe(true);
    expect(roll.missing).toEqual(['unreachable']);
  });

  it('names those who cannot answer', () => {
    const roll = new RollCall(['a', 'b']);
    roll.refused('b');
    roll.heard('a');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual(['b']);
    expect(roll.answered).toEqual(['a']);
  });

  it('does not name those who left, and names those who were lost', () => {
    const roll = new RollCall(['left', 'lost', 'a']);
    roll.gone('left', 'left');
    roll.gone('lost', 'lost');
    expect(roll.isOver(handed(3))).toBe(false);
    roll.heard('a');
    expect(roll.isOver(handed(3))).toBe(true);
    expect(roll.missing).toEqual(['lost']);
  });

  it('is not over for one who was lost, and not counted by Redis, before the others have been heard', () => {
    const roll = new RollCall(['lost', 'a']);
    roll.gone('lost', 'lost');
    expect(roll.isOver(handed(1))).toBe(false);
    roll.heard('a');
    expect(roll.isOver(handed(1))).toBe(true);
    expect(roll.missing).toEqual(['lost']);
  });

  it('counts one who answered and then went away once', () => {
    const roll = new RollCall(['a', 'b']);
    roll.heard('a');
    roll.gone('a', 'lost');
    expect(roll.isOver(handed(2))).toBe(false);
    roll.heard('b');
    expect(roll.isOver(handed(2))).toBe(true);
    expect(roll.missing).toEqual([]);
  });
});
