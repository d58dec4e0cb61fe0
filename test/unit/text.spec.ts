import { describe, expect, it } from '@jest/globals';
import { fit, literalOf, reasonOf, textOf } from '../../src/text.js';
import { hostileValues, thrower } from '../support/hostile-values.js';

const SECRET = 'hunter2';

describe('the text of a value', () => {
  it.each(hostileValues)('never throws: %s', (_, make) => {
    for (const write of [textOf, literalOf, reasonOf]) {
      const text = write(make());
      expect(text.length).toBeLessThanOrEqual(1_030);
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }
    expect(reasonOf(Object.assign(new Error('x'), { message: make() })).length).toBeGreaterThan(0);
    expect(literalOf({ deep: [make()] }).length).toBeLessThanOrEqual(1_030);
  });

  it.each<[unknown, string]>([
    ['a name', '"a name"'],
    [{ a: [1, 'b', null, undefined, true, 2n] }, '{"a":[1,"b",null,undefined,true,2n]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [Buffer.alloc(12), '12 bytes'],
    [Symbol('s'), 'Symbol(s)'],
    [thrower, 'a function (thrower)'],
    [() => {}, 'a function (anonymous)'],
    [{ toString: () => '507f1f77bcf86cd799439011' }, '507f1f77bcf86cd799439011'],
    [{ toString: 1 }, '{"toString":1}'],
    [[[[[['too deep']]]]], '[[[[[...]]]]]'],
    [new TypeError('no such thing'), 'no such thing'],
    [
      { password: SECRET, deep: { apiToken: SECRET } },
      '{"password":"***","deep":{"apiToken":"***"}}',
    ],
  ])('%j is shown as %s', (value, text) => {
    expect(literalOf(value)).toBe(text);
  });

  it('is shortened', () => {
    expect(textOf('x'.repeat(1_000_000))).toBe(`${'x'.repeat(1_024)}...`);
    expect(literalOf('x'.repeat(1_000_000), 20)).toBe(`"${'x'.repeat(16)}...`);
  });
});

describe('a log line', () => {
  it.each([
    ['a\nb\r\nc\td', 'a\\nb\\r\\nc\\td'],
    ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['\u0000\u001b[31mred\u007f\u0085\u009b', '\\u0000\\u001b[31mred\\u007f\\u0085\\u009b'],
    ['\u202eevil\u2066\u200f\u061c', '\\u202eevil\\u2066\\u200f\\u061c'],
    ['\ud800 and \udc00', '\\ud800 and \\udc00'],
    ['\u{e0041}tag', '\\u{e0041}tag'],
    ['grüße, 你好, 😀', 'grüße, 你好, 😀'],
  ])('contains no character that moves the cursor: %j', (text, line) => {
    expect(fit(text)).toBe(line);
    expect(textOf(text)).toBe(line);
  });
});

describe('credentials', () => {
  it.each([
    `redis://user:${SECRET}@host:6379`,
    `rediss://:${SECRET}@host`,
    `connect ENOENT rediss://:${SECRET}@host/0`,
    `getaddrinfo ENOTFOUND :${SECRET}@host`,
    `//user:${SECRET}@host`,
    `///user:${SECRET}@host`,
    `user:${SECRET}@host`,
    `"user:${SECRET}@host"`,
    `redis://us@er:${SECRET}@host`,
    `redis://us/er:${SECRET}@host`,
    `redis://user:a b ${SECRET}@host`,
    `redis://user:a\n${SECRET}@host`,
    `redis://user:12345/${SECRET}@host`,
    `redis://user:a@b/c?${SECRET}@host`,
    `redis://[::1]:6379,redis://:${SECRET}@[::1]:6380`,
    `redis://host:6379 and redis://:${SECRET}@host`,
    `https://${SECRET}@host`,
    `at redis://a:${SECRET}@h1 or redis://b:${SECRET}@h2 now`,
    `redis://host/0?password=${SECRET}&db=1`,
    `redis://host/0?db=1&sentinelPassword=${SECRET}`,
    `redis://host/0?db=1;password=${SECRET}`,
    `redis://host/0?db=1;password=a;b=${SECRET}`,
    `redis://host/0?password=a#b=${SECRET}`,
    `redis://host/0#access_token=${SECRET}`,
    `https://host/callback#state=1&id_token=${SECRET};x=y`,
    `redis://user:${SECRET}${'x'.repeat(2_000)}@host`,
    `redis://${SECRET}${'x'.repeat(2_000)}@host`,
    `redis://:${SECRET} ${'x y '.repeat(2_000)}@host`,
    `user:${SECRET}${'x'.repeat(2_000)}@host`,
    `redis://host?token=${SECRET}${'x'.repeat(2_000)}`,
  ])('are masked in %j', (text) => {
    for (const write of [fit, textOf, literalOf]) expect(write(text)).not.toContain(SECRET);
    expect(reasonOf(new Error(text))).not.toContain(SECRET);
    expect(literalOf({ any: [text] })).not.toContain(SECRET);
    expect(fit(`a line: ${text} and more`)).not.toContain(SECRET);
  });

  it.each([
    ['redis://user:pw@host:6379 is away', 'redis://user:***@host:6379 is away'],
    ['redis://user:***@host', 'redis://user:***@host'],
    ['at redis://a:b@h1', 'at redis://a:***@h1'],
    ['redis://host:6379/0, mail me@example.com', 'redis://host:6379/0, mail me@example.com'],
    ['redis://[::1]:6379 me@example.com', 'redis://[::1]:6379 me@example.com'],
    ['https://example.com/package/@nestjs/core', 'https://example.com/package/@nestjs/core'],
    ['user me@example.com', 'user me@example.com'],
    ['chat#/#user:me@example.com', 'chat#/#user:me@example.com'],
    ['{"mail":"me@example.com"}', '{"mail":"me@example.com"}'],
    ['ACL SETUSER app ~app:* +@pubsub', 'ACL SETUSER app ~app:* +@pubsub'],
    ['listener.failed: me@example.com', 'listener.failed: me@example.com'],
    ['a?b=c&d=e', 'a?b=c&d=e'],
    ['a?b=c;d=e#f=g', 'a?b=c;d=e#f=g'],
    ['a?token=b;c=d&e=f and g', 'a?token=***&e=f and g'],
  ])('are the only masked part: %j', (text, line) => {
    expect(fit(text)).toBe(line);
    expect(fit(fit(text))).toBe(line);
  });
});
