import { describe, expect, it } from '@jest/globals';
import { PendingJoins } from '../../../src/routing/pending-joins.js';
import { Deferred } from '../../support/deferred.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('pending joins', () => {
  it('has a room until the last of its commands ends, whether that succeeds or fails', async () => {
    const joins = new PendingJoins();
    const [first, second] = [new Deferred(), new Deferred()];
    joins.add('/', ['a', 'b'], first.promise);
    joins.add('/', ['a'], second.promise);
    expect(['a', 'b', 'c'].map((room) => joins.has('/', room))).toEqual([true, true, false]);

    first.reject(new Error('another instance did not reply'));
    await turn();
    expect(['a', 'b'].map((room) => joins.has('/', room))).toEqual([true, false]);

    second.resolve();
    await turn();
    expect(joins.has('/', 'a')).toBe(false);
  });

  it('counts a room that one command names twice', async () => {
    const joins = new PendingJoins();
    const command = new Deferred();
    joins.add('/', ['a', 'a'], command.promise);
    expect(joins.has('/', 'a')).toBe(true);
    command.resolve();
    await turn();
    expect(joins.has('/', 'a')).toBe(false);
  });

  it('tells the rooms of two namespaces apart, and has no room without a name', () => {
    const joins = new PendingJoins();
    joins.add('/chat', ['a', 'undefined'], new Promise(() => undefined));
    expect(joins.has('/chat', 'a')).toBe(true);
    expect(joins.has('/', 'a')).toBe(false);
    expect(joins.has('/chat', undefined)).toBe(false);
  });
});
