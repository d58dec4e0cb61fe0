import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import { IoredisCheck } from '../../../src/redis/ioredis-check.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const stream = { bytesRead: 0, cork: () => {} };
const connection = { stream, condition: { subscriber: false }, sendCommand: () => {} };
const cluster = { nodes: () => [], slots: [], startupNodes: [], refreshSlotsCache: () => {} };
const clientWith = (members: object) => members as RedisClient;

describe('the check of ioredis', () => {
  let logger: MemoryLogger;
  let check: IoredisCheck;
  beforeEach(() => {
    logger = new MemoryLogger();
    check = new IoredisCheck(new Reporter(logger));
  });

  it('says nothing of clients that are as expected', () => {
    check.client(clientWith(connection));
    check.connection(clientWith(connection));
    check.connection(
      clientWith({ ...connection, condition: { subscriber: { channels: () => [] } } }),
    );
    check.client(clientWith(cluster));
    expect(logger.lines).toEqual([]);
  });

  it.each([
    ['stream', ['stream.bytesRead', 'stream.cork']],
    ['condition', ['condition.subscriber']],
    ['sendCommand', ['sendCommand']],
  ])('names what is missing on a connection, once: %s', (missing, members) => {
    const changed = clientWith({ ...connection, [missing]: undefined });
    check.connection(changed);
    check.connection(changed);
    const named = members.map((member) => `Redis.${member}`).join(', ');
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn internals\.changed: ioredis \d+\.\d+\.\d+\S*: not as expected/),
    ]);
    expect(logger.lines[0]).toContain(`: ${named}. Public`);
  });

  it('names missing members of a Cluster, and refuses a Cluster without its slots', () => {
    check.client(clientWith({ ...cluster, startupNodes: 'x', refreshSlotsCache: null }));
    expect(logger.lines[0]).toContain(': Cluster.refreshSlotsCache, Cluster.startupNodes. Public');
    expect(() => check.client(clientWith({ ...cluster, slots: undefined }))).toThrow(
      expect.objectContaining({ code: 'redis.unsupported-client' }),
    );
  });
});
