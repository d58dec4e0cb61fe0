import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { PropagatorError } from '../../../src/index.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolve = (options: object) => resolveOptions(options, new MemoryLogger());

function errorOf(options: object): PropagatorError {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof PropagatorError) return error;
  }
  throw new Error('these options were accepted');
}

const SECRET = 'correct horse battery staple, twice';

describe('the option secret', () => {
  it.each([
    ['a text', SECRET, 1],
    ['bytes', randomBytes(32), 1],
    ['a list of both', [SECRET, randomBytes(32), new Uint8Array(randomBytes(40))], 3],
  ])('may be %s', (_, secret, keys) => {
    expect(resolve({ secret }).secret).toHaveLength(keys);
  });

  it('is not shown when the options are printed', () => {
    const options = resolve({ secret: [SECRET, `${SECRET}!`] });
    expect(inspect(options, { depth: 9 }) + JSON.stringify(options)).not.toContain('horse');
  });

  it.each<[string, unknown, string]>([
    ['a short text', 'hunter2', 'a text of 7 characters'],
    ['one that is short by one', 'x'.repeat(31), 'a text of 31 characters'],
    ['short bytes', Buffer.from('hunter2'), '7 bytes'],
    ['nothing', '', 'a text of 0 characters'],
    ['a list without one', [], 'an empty list'],
    ['a list with the same twice', [SECRET, randomBytes(32), SECRET], 'the same secret twice'],
    [
      'a list with the same as text and bytes',
      [SECRET, Buffer.from(SECRET)],
      'the same secret twice',
    ],
    ['a list with a short one', [SECRET, 'hunter2'], 'a text of 7 characters'],
    ['an object', { secret: 'hunter2' }, 'a value of type object'],
    ['null', null, 'null'],
    ['a number', 42_424_242, 'a value of type number'],
  ])('stops the start if it is %s, and is not in the error', (_, secret, said) => {
    const { code, message } = errorOf({ secret });
    expect(code).toBe('option.invalid');
    expect(message).toContain(`Option "secret": got ${said}.`);
    for (const part of ['hunter2', 'horse', '42424242', '42_']) expect(message).not.toContain(part);
  });
});

describe('the option limits', () => {
  it('allows bursts of twice the rate', () => {
    expect(resolve({ limits: { eventsPerSecond: 50 } }).limits).toEqual({
      eventsPerSecond: 50,
      eventBurst: 100,
      refusals: 100,
      roomsPerSocket: 1000,
      nameBytes: 256,
    });
    expect(resolve({ limits: { eventsPerSecond: 50, eventBurst: 50 } }).limits.eventBurst).toBe(50);
    expect(Object.isFrozen(resolve({}).limits)).toBe(true);
  });

  it.each<[object | string | null, string]>([
    ['none', 'limits'],
    [null, 'limits'],
    [{ eventsPerSecond: 0 }, 'limits.eventsPerSecond'],
    [{ eventsPerSecond: '5' }, 'limits.eventsPerSecond'],
    [{ eventBurst: 5 }, 'limits.eventBurst'],
    [{ eventsPerSecond: 5, eventBurst: 0.5 }, 'limits.eventBurst'],
    [{ eventsPerSecond: 100, eventBurst: 1 }, 'limits.eventBurst'],
    [{ eventsPerSecond: 5, eventBurst: 4 }, 'limits.eventBurst'],
    [['eventsPerSecond'], 'limits'],
    [{ refusals: 0 }, 'limits.refusals'],
    [{ roomsPerSocket: -1 }, 'limits.roomsPerSocket'],
    [{ nameBytes: 35 }, 'limits.nameBytes'],
    [{ nameBytes: 65_537 }, 'limits.nameBytes'],
  ])('stops the start if it is %j', (limits, option) => {
    const { code, message } = errorOf({ limits });
    expect(code).toBe('option.invalid');
    expect(message).toContain(`Option "${option}"`);
  });

  it('has only known names', () => {
    expect(errorOf({ limits: { eventsPerMinute: 5 } }).code).toBe('option.unknown');
  });
});

describe('the option sharedHandshake', () => {
  it('names parts of handshakes, headers in lower case', () => {
    expect(
      resolve({ sharedHandshake: { auth: ['Device'], headers: ['X-Device'] } }).sharedHandshake,
    ).toEqual({ auth: ['Device'], query: [], headers: ['x-device'] });
  });

  it.each<[unknown, string]>([
    ['all', 'sharedHandshake'],
    [null, 'sharedHandshake'],
    [{ auth: true }, 'sharedHandshake.auth'],
    [{ auth: 'device' }, 'sharedHandshake.auth'],
    [{ query: [''] }, 'sharedHandshake.query'],
    [{ query: [7] }, 'sharedHandshake.query'],
    [{ headers: ['x-device', 'Cookie'] }, 'sharedHandshake.headers'],
    [{ headers: ['authorization'] }, 'sharedHandshake.headers'],
  ])('stops the start if it is %j', (sharedHandshake, option) => {
    const { code, message } = errorOf({ sharedHandshake });
    expect(code).toBe('option.invalid');
    expect(message).toContain(`Option "${option}"`);
  });
});
