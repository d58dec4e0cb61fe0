import { expect, it } from '@jest/globals';
import * as parser from 'socket.io-parser';
import { IncomingSessions } from '../../../src/recovery/incoming-sessions.js';
import { LaterIndex } from '../../../src/recovery/later.js';
import { keyOf } from '../../../src/recovery/session.js';
import { Sessions } from '../../../src/recovery/sessions.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { codecOf, encodeEvent } from '../../../src/routing/packet-codec.js';
import { userRoom } from '../../../src/routing/reserved-rooms.js';
import { EventOffset, offsetPrefix } from '../../../src/wire/offset.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { certainProofs } from '../../support/recovering-namespace.js';

const SCOPE = 1;
const SID = 'socket-of-alice';
const OFFSET = new EventOffset(offsetPrefix('00000000000000bb'), 7);

// On a Cluster the channels of two users come over different connections.
it('recognise an event for several users that has come for another user only, when it comes for their own', async () => {
  const reporter = new Reporter(new MemoryLogger());
  const options = { maxBytes: 1_000_000, maxDisconnectionMs: 60_000, persist: false };
  const sessions = new Sessions('00000000000000aa', options, reporter);
  const packet = encodeEvent(codecOf(parser), '/', ['event', OFFSET.text]);
  const { frames } = packet;
  const alice = { offset: OFFSET, rooms: [userRoom('alice')] };
  const bob = { offset: OFFSET, rooms: [userRoom('bob')] };
  const incoming = new IncomingSessions(SCOPE, {
    namespace: { name: '/', custom: false, limits: { roomsPerSocket: 10, nameBytes: 100 } },
    reporter,
    sessions,
    handOver: {
      find: () => Promise.resolve('unknown-session' as const),
      take: () => {
        sessions.ring.add(SCOPE, OFFSET, {
          ...bob,
          packet,
          except: [],
          volatile: false,
          compress: true,
        });
        const key = keyOf(OFFSET.text, alice.rooms);
        const carried = { offset: OFFSET.text, frames, compress: true, key };
        return Promise.resolve({
          rooms: [SID, userRoom('alice')],
          data: {},
          custom: false,
          base: '',
          upTo: '',
          events: [{ ...carried, at: performance.now() }],
        });
      },
    },
    proofs: certainProofs,
    timeoutMs: 1_000,
    holdChannels: () => ({ ready: Promise.resolve(), release: () => undefined }),
    has: () => false,
    later: () => Promise.resolve(new LaterIndex([])),
  });

  await incoming.bring({
    holder: '00000000000000bb',
    pid: 'pid',
    sid: SID,
    rooms: [SID, userRoom('alice')],
    offset: '',
    current: undefined,
  });

  expect(incoming.having(() => keyOf(OFFSET.text, alice.rooms))).toEqual(new Set([SID]));
  expect(incoming.having(() => keyOf(OFFSET.text, bob.rooms))).toBeUndefined();
  sessions.close();
});
