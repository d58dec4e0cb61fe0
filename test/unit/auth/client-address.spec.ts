import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { Reporter } from '../../../src/reporting/reporter.js';
import { clientAddressOf, networkOf } from '../../../src/auth/client-address.js';
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

  it('is the one that the app returns', () => {
    const { address, counts } = addressBy(({ handshake }) => handshake.headers['x-forwarded-for']);
    expect(address).toBe('192.0.2.7');
    expect(counts).toEqual({});
  });

  it.each<[string, () => unknown]>([
    ['throws', () => JSON.parse('{')],
    ['returns nothing', () => undefined],
    ['returns a list', () => ['192.0.2.7']],
    ['returns the whole header', () => '203.0.113.9, 192.0.2.7'],
    ['returns a promise', () => Promise.resolve('192.0.2.7')],
    ['returns no text', () => ''],
    ['returns what fills the memory', () => 'x'.repeat(257)],
  ])('is that of the connection, and the error is reported, if the app %s', (_, clientAddress) => {
    const { address, log, counts } = addressBy(clientAddress);
    expect(address).toBe('::1');
    expect(counts).toEqual({ 'auth.client-address': 1 });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(
      /^warn auth\.client-address: auth\.clientAddress (threw|returned (no|a list))/,
    );
  });
});

describe('addresses that count as one client', () => {
  it.each<[string, string]>([
    ['192.0.2.7', '192.0.2.7'],
    [' 192.0.2.7 ', '192.0.2.7'],
    ['192.0.2.7:4711', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['[::ffff:192.0.2.7]:4711', '192.0.2.7'],
    ['::ffff:0:192.0.2.7', '192.0.2.7'],
    ['64:ff9b::192.0.2.7', '192.0.2.7'],
    // 6to4: its owner has 65,536 networks.
    ['2002:c000:207:1::1', '192.0.2.7'],
    ['2002:c000:207:ffff:1:2:3:4', '192.0.2.7'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:3::192.0.2.7', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['a device', 'a device'],
    ['192.0.2.7:x', '192.0.2.7:x'],
    ['1:2:3', '1:2:3'],
    ['', ''],
  ])('%j counts as %j', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('separate neighbouring networks', () => {
    expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'));
  });
});
