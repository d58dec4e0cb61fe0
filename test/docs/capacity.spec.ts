import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { section, table } from '../support/markdown-table.js';

const page = section(readFileSync('docs/scaling.md', 'utf8'), 'Capacity');
const numbers = (column: string): number[] => table(page, column).map(({ Value }) => Number(Value));

const [send, receive, redis, connect, presence, socketBytes, userBytes, channelBytes, seenBytes] =
  numbers('Figure') as [number, number, number, number, number, number, number, number, number];
const [perUser, eventsPerUser, perHour, mostSockets, seen, share] = numbers('Assumption') as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** The rows of the last table on the page, in order. */
function needs(users: number): number[] {
  const sockets = perUser * users;
  const events = eventsPerUser * users;
  const connections = (sockets * perHour) / 3600;
  const cores = (events * (send + perUser * receive) + connections * connect) / 1e6;
  const instances = Math.max(2, Math.ceil(Math.max(cores / share, sockets / mostSockets)) + 1);
  const redisCores = (events * redis + connections * 2 * presence) / 1e6;
  const redisBytes = users * (userBytes + channelBytes) + seen * users * seenBytes;
  return [
    sockets,
    events,
    connections,
    cores,
    instances,
    (sockets * socketBytes) / instances / 1e9,
    redisCores,
    Math.ceil(redisCores / share),
    redisBytes / 1e9,
    // Each instance beats every 2 s.
    instances / 2,
  ];
}

describe('the capacity in docs/scaling.md', () => {
  it.each([1_000, 100_000, 10_000_000])('for %d users follows from its figures', (users) => {
    const column = `${users.toLocaleString('en')} users`;
    const said = table(page, '').map((row) => Number(row[column]?.replaceAll(',', '')));
    const computed = needs(users);
    expect(said).toHaveLength(computed.length);
    for (const [row, value] of computed.entries()) {
      // In the format of the page: two decimal places, and none from 100 on.
      const rounded = value >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
      expect([row, said[row]]).toEqual([row, rounded]);
    }
  });
});
