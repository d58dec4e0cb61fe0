import { describe, expect, it } from '@jest/globals';
import { PropagatorError } from '../../../src/errors.js';
import { EventLosses } from '../../../src/routing/event-loss.js';

const EXPIRED = PropagatorError.of('redis.closed', []);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('event losses', () => {
  it('are emitted on the next turn, in order, without publishes that have no target', async () => {
    const losses = new EventLosses(() => undefined);
    const seen: unknown[] = [];
    losses.losses$.subscribe((loss) => seen.push(loss));
    losses.add({ target: { kind: 'user', namespace: '/', id: 'alice' }, event: 'a' }, EXPIRED);
    losses.add({}, EXPIRED);
    losses.add({ target: { kind: 'all', namespace: '/chat' }, event: 'b' }, EXPIRED);
    expect(seen).toEqual([]);
    await turn();
    expect(seen).toEqual([
      { event: 'a', namespace: '/', target: 'user', id: 'alice', error: EXPIRED },
      { event: 'b', namespace: '/chat', target: 'all', id: undefined, error: EXPIRED },
    ]);
  });

  it('includes losses that a subscriber causes, and emits the last ones before it completes', async () => {
    const losses = new EventLosses(() => undefined);
    const seen: string[] = [];
    losses.losses$.subscribe({
      next: ({ event }) => {
        seen.push(event);
        if (event === 'a')
          losses.add({ target: { kind: 'all', namespace: '/' }, event: 'c' }, EXPIRED);
      },
      complete: () => seen.push('complete'),
    });
    losses.add({ target: { kind: 'all', namespace: '/' }, event: 'a' }, EXPIRED);
    await turn();
    expect(seen).toEqual(['a']);
    losses.close();
    await turn();
    expect(seen).toEqual(['a', 'c', 'complete']);
  });
});
