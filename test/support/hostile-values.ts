export const thrower = (): never => {
  throw new Error('thrown to do harm');
};

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwingProxy(): unknown {
  return new Proxy(
    {},
    {
      get: thrower,
      has: thrower,
      ownKeys: thrower,
      getPrototypeOf: thrower,
      getOwnPropertyDescriptor: thrower,
    },
  );
}

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value['self'] = [value];
  return value;
}

/** Values that break code which expects a string, an Error or a plain object. */
export const hostileValues: [name: string, make: () => unknown][] = [
  ['toString is a number', () => ({ toString: 1 })],
  ['toString and valueOf are null', () => ({ toString: null, valueOf: null })],
  ['toString throws', () => ({ toString: thrower })],
  ['toString returns an object', () => ({ toString: () => ({}) })],
  ['toJSON throws', () => ({ toJSON: thrower })],
  ['toJSON returns itself', () => ({ toJSON: cycle })],
  ['Symbol.toPrimitive throws', () => ({ [Symbol.toPrimitive]: thrower })],
  [
    'Symbol.toStringTag throws',
    () => Object.defineProperty({}, Symbol.toStringTag, { get: thrower }),
  ],
  ['no prototype', () => Object.create(null)],
  ['no prototype, with parts', () => Object.assign(Object.create(null), { message: { a: 1 } })],
  ['a symbol', () => Symbol('a symbol')],
  ['a symbol with a long description', () => Symbol('\n'.repeat(100_000))],
  ['a proxy whose traps throw', throwingProxy],
  ['a revoked proxy', revoked],
  [
    'a getter that throws',
    () => Object.defineProperty({}, 'message', { get: thrower, enumerable: true }),
  ],
  [
    'an error whose message throws',
    () => Object.defineProperty(new Error(), 'message', { get: thrower }),
  ],
  [
    'an error whose message is an object',
    () => Object.assign(new Error(), { message: { toString: 1 } }),
  ],
  [
    'an error whose message is a symbol',
    () => Object.assign(new Error(), { message: Symbol('x') }),
  ],
  [
    'an error whose name throws',
    () => Object.defineProperty(new Error(''), 'name', { get: thrower }),
  ],
  [
    'an error that is its own cause',
    () => {
      const error = new Error('');
      error.cause = error;
      return Object.assign(error, { message: error });
    },
  ],
  ['an error without a prototype', () => Object.setPrototypeOf(new Error('x'), null)],
  ['a cycle', cycle],
  ['very deep', () => nested(100_000)],
  ['a class whose instanceof throws', () => Object.setPrototypeOf({}, throwingProxy() as object)],
  ['a huge array', () => Object.assign([], { length: 4_000_000_000 })],
  [
    'a wide object',
    () => Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i])),
  ],
  ['long text', () => '\u202e\n'.repeat(500_000)],
  ['a huge bigint', () => 1n << 4_000_000n],
  ['an invalid date', () => new Date(NaN)],
  ['a function whose name throws', () => Object.defineProperty(() => {}, 'name', { get: thrower })],
  [
    'a function whose name is a symbol',
    () => Object.defineProperty(() => {}, 'name', { value: Symbol('n') }),
  ],
  ['nothing', () => undefined],
];
