import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import * as main from '../../src/index.js';
import * as testing from '../../src/testing/index.js';

const exportsOf = (entry: string): string[] => {
  const report = readFileSync(`etc/${entry}.api.md`, 'utf8');
  return [
    ...report.matchAll(
      /^export (?:declare |abstract )*(?:class|const|function|interface|type) (\w+)/gm,
    ),
  ].map(([, name]) => name ?? '');
};
const names = exportsOf('nestjs-redis-propagator');

describe('the public surface', () => {
  it('is read completely from the API report', () => {
    expect(names).toEqual(expect.arrayContaining(Object.keys(main)));
    expect(names.length).toBeGreaterThan(100);
  });

  it('has the names of the design', () => {
    expect(names).toEqual(
      expect.arrayContaining([
        'RedisPropagatorModule',
        'RedisPropagatorService',
        'RedisPropagatorInterceptor',
        'RedisService',
        'SocketStateService',
        'SocketStateAdapter',
      ]),
    );
    for (const verb of ['propagateEvent', 'emitToAll', 'emitToAuthenticated']) {
      expect(main.RedisPropagatorService.prototype).toHaveProperty(verb);
    }
  });

  it('has no type that is only a part of another', () => {
    const parts = /^(?:Shown|Traffic|Interrupted|Packet(?!Parser$)|PropagatorVerbs)/;
    expect(names.filter((name) => parts.test(name))).toEqual([]);
  });

  it('has the transport in memory in the entry for tests only', () => {
    expect(Object.keys(testing)).toEqual(expect.arrayContaining(['InMemoryPubSub', 'InMemoryBus']));
    expect(names.filter((name) => name.startsWith('InMemory'))).toEqual([]);
  });

  it('has one union for the reasons of a disconnect', () => {
    expect(names.filter((name) => /Reason/.test(name))).toEqual(['DisconnectReason']);
  });

  it('has events of one prefix, but for two that clients in stores know', () => {
    const events = Object.entries(main).filter(([name]) => name.endsWith('_EVENT'));
    const others = events.filter(([, event]) => !String(event).startsWith('propagator:'));
    expect(Object.fromEntries(others)).toEqual({
      EXPIRING_EVENT: 'auth:expiring',
      REFRESH_EVENT: 'auth:refresh',
    });
    expect(events.length).toBeGreaterThan(others.length);
  });

  it('asks for health by names that say that they return an object; the earlier names work', () => {
    const { prototype } = main.PropagatorHealthIndicator;
    for (const name of ['checkReady', 'checkHealth', 'isReady', 'isHealthy']) {
      expect(prototype).toHaveProperty(name);
    }
  });
});
