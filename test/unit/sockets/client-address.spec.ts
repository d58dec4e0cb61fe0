import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { Reporter } from '../../../src/reporting/reporter.js';
import { clientAddressOf } from '../../../src/sockets/client-address.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const SOCKET = {
  handshake: { address: '::1', headers: { 'x-forwarded-for': '192.0.2.7' } },
} as unknown as Socket;

function addressBy(clientAddress?: (socket: Socket) => unknown) {
  const logger = new MemoryLogger();
  const reporter = new Reporter(logger);
  const options =
    clientAddress === undefined
      ? {}
      : { clientAddress: clientAddress as (socket: Socket) => string };
  const address = clientAddressOf(SOCKET, options, reporter);
  return { address, log: logger.lines, counts: reporter.counts() };
}

describe('the address of a client', () => {
  it('is that of the connection', () => {
    expect(addressBy()).toEqual({ address: '::1', log: [], counts: {} });
    expect(clientAddressOf(SOCKET, undefined, new Reporter(new MemoryLogger()))).toBe('::1');
  });

  it('is what the app says', () => {
    const { address, counts } = addressBy(({ handshake }) => handshake.headers['x-forwarded-for']);
    expect(address).toBe('192.0.2.7');
    expect(counts).toEqual({});
  });

  it.each<[string, () => unknown]>([
    ['throws', () => JSON.parse('{')],
    ['returns nothing', () => undefined],
    ['returns a list', () => ['192.0.2.7']],
    ['returns a promise', () => Promise.resolve('192.0.2.7')],
    ['returns no text', () => ''],
    ['returns what fills the memory', () => 'x'.repeat(257)],
  ])('is that of the connection, and it is reported, where the app %s', (_, clientAddress) => {
    const { address, log, counts } = addressBy(clientAddress);
    expect(address).toBe('::1');
    expect(counts).toEqual({ 'auth.client-address': 1 });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/^warn auth\.client-address: auth\.clientAddress (threw|returned no)/);
  });
});
