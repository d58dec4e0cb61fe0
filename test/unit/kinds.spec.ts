import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { reasonOf } from '../../src/errors.js';
import {
  isArrayBuffer,
  isBytes,
  isDate,
  isError,
  isPlainObject,
  isPromise,
  isUrl,
} from '../../src/kinds.js';
import { resolveSecret } from '../../src/options/resolve-secret.js';
import type { RedisClient } from '../../src/options/redis-options.js';
import { redisScript, RedisScripts } from '../../src/redis/redis-scripts.js';
import { ScriptBatches } from '../../src/redis/script-batches.js';
import { expiresAtOf } from '../../src/auth/expires-at.js';

/** A value of another realm, where every class is a different one. */
const foreign = (code: string): unknown => runInNewContext(code);

describe('the kind of a value', () => {
  it.each<[what: string, is: (value: unknown) => boolean, value: unknown]>([
    ['an error', isError, new Error()],
    ['an error of another realm', isError, foreign('new TypeError()')],
    [
      'an error of another realm with a class of its own',
      isError,
      foreign('new (class A extends Error {})'),
    ],
    ['a DOMException', isError, AbortSignal.abort().reason],
    ['bytes', isBytes, Buffer.alloc(1)],
    ['bytes of another realm', isBytes, foreign('new Uint8Array(1)')],
    ['an ArrayBuffer of another realm', isArrayBuffer, foreign('new ArrayBuffer(1)')],
    ['a SharedArrayBuffer of another realm', isArrayBuffer, foreign('new SharedArrayBuffer(1)')],
    ['a Date of another realm', isDate, foreign('new Date()')],
    ['a Promise of another realm', isPromise, foreign('Promise.resolve()')],
    ['a URL', isUrl, new URL('http://host')],
    ['an object of another realm', isPlainObject, foreign('({})')],
    ['an object without a prototype', isPlainObject, Object.create(null)],
  ])('recognises %s', (_, is, value) => {
    expect(is(value)).toBe(true);
  });

  it('does not recognise values that only look like it', () => {
    expect(isError({ name: 'Error', message: 'x' })).toBe(false);
    expect(isDate({ getTime: () => 1 })).toBe(false);
    expect(isBytes([1, 2])).toBe(false);
    expect(isPlainObject(new Date())).toBe(false);
    expect([null, undefined, 1, 'text'].some((value) => isUrl(value) || isPlainObject(value))).toBe(
      false,
    );
  });

  it('is determined in no other way in src and scripts: instanceof is false for a value of another realm', () => {
    const builtIn =
      /instanceof (?:\w*Error|Map|Set|Date|URL|Array|Promise|Object|Uint8Array|(?:Shared)?ArrayBuffer|Buffer|RegExp|Function)\b/;
    const allowed = new Set(['src/kinds.ts', 'scripts/thrown.mjs']);
    const files = ['src', 'scripts'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:ts|mjs)$/.test(name))
        .map((name) => join(folder, name)),
    );
    const found = files.filter((file) => {
      const text = readFileSync(file, 'utf8').replaceAll('instanceof PropagatorError', '');
      return !allowed.has(file) && builtIn.test(text);
    });
    expect(files.length).toBeGreaterThan(100);
    expect(found).toEqual([]);
  });
});

describe('values that an app brings from another realm', () => {
  it('are recognised as errors: the reason is their message', () => {
    expect(reasonOf(foreign('new Error("no such token")'))).toBe('no such token');
  });

  it('are recognised as secrets and dates', () => {
    expect(resolveSecret(foreign('Uint8Array.from({ length: 32 }, (_, i) => i)'))).toHaveLength(1);
    const expiresAt = foreign('new Date(5000)') as Date;
    expect(expiresAtOf({ expiresAt })).toBe(5000);
  });

  it('are recognised as replies of a Redis client: an error is not taken for a result', async () => {
    const script = redisScript('return 1');
    let evaluated = 0;
    const client = {
      status: 'ready',
      on: () => client,
      off: () => client,
      evalsha: () => Promise.reject(foreign('new Error("NOSCRIPT No matching script")')),
      eval: async () => {
        evaluated++;
        return evaluated === 1 ? 'first' : ['second', foreign('new Error("ERR of one call")')];
      },
    };
    const scripts = new RedisScripts(client as unknown as RedisClient, 1_000, '*');
    expect(await scripts.run(script, [], [])).toBe('first');

    const batches = new ScriptBatches(scripts, script, 1);
    const [good, bad] = await Promise.allSettled([batches.run(['a'], []), batches.run(['b'], [])]);
    expect(good).toEqual({ status: 'fulfilled', value: 'second' });
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'redis.command-failed' } });
  });
});
