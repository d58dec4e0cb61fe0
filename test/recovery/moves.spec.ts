import { afterEach, describe, expect, it } from '@jest/globals';
import { MovingClients, nothingMissed, standStill, type Moves } from './support/moving-clients.js';

describe('clients that come back to the other instance miss nothing', () => {
  let stage: MovingClients | undefined;
  afterEach(() => stage?.close());

  const FEW = { clients: 6, rounds: 4, awayMs: 200 };
  it.each<[string, Moves]>([
    ['after 2 s', { clients: 21, rounds: 3, awayMs: 2_000 }],
    ['by long polling', { ...FEW, transport: 'polling' }],
    ['with binary events', { ...FEW, payload: Buffer.from([0, 1, 255]) }],
    [
      'with binary events by long polling',
      { ...FEW, transport: 'polling', payload: Buffer.from('x') },
    ],
    ['with a last argument that looks like an offset', { ...FEW, payload: 'x'.repeat(19) }],
    ['with rooms that they joined later', { ...FEW, lateRoom: 'later' }],
    ['if the server does not notice that they have gone', { ...FEW, lose: standStill }],
    ['at once', { ...FEW, awayMs: 1 }],
  ])('%s', async (_, moves) => {
    stage = await MovingClients.start();

    const judgement = await stage.play(moves);

    expect(judgement).toEqual(nothingMissed(judgement, moves));
    expect(judgement.expected).toBeGreaterThan(moves.clients * moves.rounds * 10);
    expect(stage.cluster.instances.map(({ counts }) => counts)).toEqual([{}, {}, {}]);
  });

  it('also with a signature', async () => {
    stage = await MovingClients.start({ secret: '0123456789abcdef'.repeat(4) });

    const judgement = await stage.play(FEW);

    expect(judgement).toEqual(nothingMissed(judgement, FEW));
  });
});
