import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineEvents } from '../../src/index.js';
import { EventChecks } from '../../src/contract/event-checks.js';
import { checkedActions, type Actions } from '../../src/propagation/checked-actions.js';
import { Reporter } from '../../src/reporting/reporter.js';
import { MemoryLogger } from '../support/memory-logger.js';

const contract = defineEvents({
  typing: { data: z.string(), volatile: true },
  said: { data: z.string() },
});

/** The events that the actions get for the verb `emitToAll`. */
function sent(...events: { event: string; volatile?: boolean }[]): unknown[] {
  const got: unknown[] = [];
  const actions = {
    emitToAll: ({ event }: { event: unknown }) => {
      got.push(event);
      return Promise.resolve();
    },
  } as unknown as Actions;
  const checks = new EventChecks(contract, { emit: true, receive: true });
  const checked = checkedActions(actions, checks, new Reporter(new MemoryLogger()));
  for (const event of events) void checked.emitToAll({ event: { data: 'x', ...event } });
  return got;
}

describe('the actions of an app with a contract', () => {
  it('make an event volatile if the contract says so and the call does not', () => {
    expect(
      sent(
        { event: 'typing' },
        { event: 'typing', volatile: false },
        { event: 'said' },
        { event: 'said', volatile: true },
      ),
    ).toMatchObject([
      { volatile: true },
      { volatile: false },
      { volatile: undefined },
      { volatile: true },
    ]);
  });
});
