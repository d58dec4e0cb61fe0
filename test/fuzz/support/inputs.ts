import * as fc from 'fast-check';
import { encodeClusterMessage, type ClusterMessage } from '../../../src/wire/cluster-message.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { packPage } from '../../../src/wire/page-pack.js';

/** Only a few origins, because invented instances remain members until they have been silent for long. */
export const origin = fc
  .integer({ min: 0, max: 15 })
  .map((n) => Buffer.from([0, 0, 0, 0, 0, 0, 0xfa, n]));

const nastyNames = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '',
  '\0',
  '\ud800',
  'connect',
  'connection',
  'disconnect',
  'error',
  'propagator#user:alice',
  'x'.repeat(300),
];
const name = fc.oneof(fc.constantFrom(...nastyNames), fc.string({ maxLength: 20 }));

/** JSON that no real instance sends. */
const json: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    -1,
    1e308,
    2 ** 53,
    [],
    {},
    JSON.parse('{"__proto__":{"polluted":true}}'),
    JSON.parse('['.repeat(500) + ']'.repeat(500)),
  ),
  name,
);

/** Complete frames: of an event, of another packet, and arbitrary bytes. */
const part = fc.oneof(
  fc.constantFrom(
    '2["x",1]',
    '2/chat,["x",1]',
    '2/chat,',
    '21["x"]',
    '1',
    '0',
    '0/chat,{}',
    '4{"message":"no"}',
    '51-["x",{"_placeholder":true,"num":0}]',
    '52-["x"]',
    '599999999999-["x"]',
    '5-["x"]',
    '2["x"',
    '',
  ),
  fc.string({ maxLength: 30 }),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
);

export const event = fc
  .record({
    origin,
    sequence: fc.nat(),
    sentAt: fc.nat(),
    volatile: fc.boolean(),
    compress: fc.boolean(),
    except: fc.array(name, { maxLength: 3 }),
    rooms: fc.array(name, { maxLength: 3 }),
    latestOnly: fc.option(name, { nil: undefined }),
    customParser: fc.boolean(),
    parts: fc.array(part, { minLength: 1, maxLength: 3 }),
  })
  .map(({ parts, ...header }) => encodeEnvelope(header, parts).bytes);

/** Lengths and offsets that look valid but are not. */
const pack = fc
  .array(
    fc.record({
      channel: fc.oneof(fc.constant('propagator:/:all'), name),
      ageMs: fc.integer(),
      lane: fc.nat(),
      number: fc.nat({ max: 2 ** 48 - 1 }),
      bytes: fc.oneof(
        event,
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      ),
    }),
    { maxLength: 3 },
  )
  .map((entries) => packPage(entries));
const packOrNot = fc.oneof(
  pack,
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);

/** Pairs of a lane and a number, or nearly. */
const positions = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 3 });

/** All operations that an instance answers. */
export const OPERATIONS = [
  'fetch',
  'ids',
  'rooms',
  'join',
  'leave',
  'disconnect',
  'ask',
  'server-side-emit',
  'pull',
  'record',
  'repair',
  'sessions',
  'revoke',
  'session-metadata',
  'recovery:find',
  'recovery:take',
  'recovery:adopt',
];

/** A session of connection recovery in a question, or nearly. */
const namedSession = fc.record(
  {
    namespace: fc.oneof(fc.constant('/'), name, json),
    pid: fc.oneof(fc.constant(`${'0'.repeat(14)}fa.${'a'.repeat(20)}`), name, json),
    offset: fc.oneof(name, json),
    current: fc.oneof(fc.array(name, { maxLength: 2 }), json),
  },
  { requiredKeys: ['namespace', 'pid'] },
);

/** Partly valid parameters: with none valid they would fail at the first check. */
const params = fc.oneof(
  json,
  fc.record(
    {
      namespace: fc.oneof(fc.constant('/'), fc.constant('/'), fc.constant('/'), json),
      rooms: fc.oneof(fc.constant([]), fc.array(name, { maxLength: 3 }), json),
      except: fc.oneof(fc.constant([]), json),
      within: json,
      targets: fc.oneof(fc.array(name, { maxLength: 3 }), json),
      data: fc.oneof(fc.constant(['x']), json),
      args: fc.oneof(
        fc.tuple(fc.constantFrom('connection', 'connect', 'new_namespace', 'error', 'hi'), json),
        fc.array(fc.oneof(name, json), { maxLength: 3 }),
        json,
      ),
      withAck: fc.boolean(),
      close: json,
      reason: json,
      ageMs: fc.oneof(fc.integer(), json),
      from: fc.oneof(positions, json),
      cursor: fc.oneof(fc.nat(), json),
      scope: fc.oneof(fc.nat(), json),
      filter: fc.oneof(
        fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
        json,
      ),
      channels: fc.oneof(
        fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
        json,
      ),
      userId: json,
      sessionId: json,
      revoked: json,
      metadata: json,
      items: fc.oneof(fc.array(fc.oneof(namedSession, json), { maxLength: 3 }), json),
    },
    { requiredKeys: [] },
  ),
);

/** A part of a reply to any request. */
export const answer = fc.oneof(
  json,
  fc.nat(),
  fc.array(fc.oneof(name, json), { maxLength: 3 }),
  fc.record({ asked: fc.oneof(fc.array(name, { maxLength: 2 }), json) }),
  fc.record({ from: fc.oneof(name, json), answer: json }),
  fc.array(fc.oneof(fc.tuple(fc.nat({ max: 2 }), name, fc.array(name, { maxLength: 2 })), json), {
    maxLength: 2,
  }),
  fc.record({
    number: fc.oneof(fc.nat({ max: 2 }), json),
    events: fc.array(
      fc.oneof(fc.tuple(name, name, fc.boolean(), fc.integer(), fc.integer({ max: 99 })), json),
      { maxLength: 2 },
    ),
    frames: fc.oneof(part, json),
    data: fc.oneof(part, json),
    lists: fc.oneof(
      fc.array(fc.tuple(fc.nat({ max: 2 }), fc.array(fc.nat({ max: 3 }))), { maxLength: 2 }),
      json,
    ),
    results: fc.array(
      fc.tuple(
        fc.nat({ max: 2 }),
        fc.oneof(
          fc.tuple(fc.array(name, { maxLength: 2 }), fc.integer(), fc.boolean(), name, name),
          name,
          json,
        ),
      ),
      { maxLength: 2 },
    ),
  }),
  fc.array(
    fc.record(
      {
        id: fc.oneof(name, json),
        rooms: fc.oneof(fc.constant([]), json),
        data: json,
        handshake: json,
      },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  ),
  fc.record(
    {
      pack: fc.oneof(packOrNot, json),
      upTo: fc.oneof(positions, json),
      cursor: fc.oneof(fc.nat(), json),
      forgotten: fc.oneof(fc.nat(), json),
      forgottenAgeMs: fc.oneof(fc.nat(), json),
      unknownScope: json,
    },
    { requiredKeys: ['pack'] },
  ),
);

const number = fc.oneof(fc.nat({ max: 20 }), fc.double(), fc.integer());

/** The record of an instance, or nearly: few lanes, or as many as none has. */
const record = fc
  .tuple(
    fc.array(fc.oneof(fc.nat(3), json), { maxLength: 3 }),
    name,
    fc.array(fc.oneof(fc.nat(), json), { minLength: 5, maxLength: 5 }),
    fc.array(fc.oneof(fc.tuple(fc.nat(), name, fc.nat(), fc.nat()), json), { maxLength: 3 }),
    fc.constantFrom(1, 1, 1, 300, 1_100),
  )
  .map(([reads, host, numbers, lanes, times]) =>
    JSON.stringify([reads, host, ...numbers, Array.from({ length: times }, () => lanes).flat()]),
  );

const message = fc.oneof(
  fc.record({
    type: fc.constantFrom('hello', 'heartbeat', 'bye'),
    member: fc.oneof(
      json,
      fc.record({
        host: fc.oneof(name, json),
        pid: fc.oneof(fc.nat(), json),
        startedAt: fc.nat(),
        sockets: fc.nat(),
        users: fc.nat(),
        more: json,
      }),
    ),
    beat: fc.oneof(number, json),
    record: fc.oneof(record, name, json),
    records: fc.oneof(fc.record({ data: name, version: fc.oneof(fc.nat(), json) }), json),
  }),
  fc.record({
    type: fc.constant('request'),
    id: fc.oneof(number, json),
    operation: fc.oneof(fc.constantFrom(...OPERATIONS), name, json),
    params,
    // A valid one takes no time here: there is nobody to ask.
    timeoutMs: fc.oneof(fc.constantFrom(1, 0, -1, 5), json),
  }),
  fc.record(
    { type: fc.constant('reply'), id: fc.oneof(number, json), done: fc.boolean(), part: answer },
    { requiredKeys: ['type', 'id', 'done'] },
  ),
  fc.record({ type: json }),
  json,
);

export const clusterMessage = fc
  .record({ origin, sequence: fc.nat(), sentAt: fc.nat(), message })
  .map(({ message: content, ...stamp }) =>
    encodeClusterMessage(stamp, (content ?? 0) as ClusterMessage, 'fuzz'),
  );

/** Flips bits, cuts off or inserts bytes, and replaces numbers in places of lengths. */
export const damage = fc.array(
  fc.record({
    how: fc.constantFrom('flip', 'cut', 'insert', 'length'),
    where: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 400 })),
    what: fc.constantFrom(0, 1, 2, 28, 44, 0x7f, 0xff, 0xffff, 0xffffffff),
  }),
  { minLength: 1, maxLength: 3 },
);

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

export function damaged(bytes: Buffer, steps: Damage): Buffer {
  let result = Buffer.from(bytes);
  for (const { how, where, what } of steps) {
    const at = result.length === 0 ? 0 : where % result.length;
    if (how === 'flip' && at < result.length) result[at] = (result[at] ?? 0) ^ (1 << (what % 8));
    if (how === 'cut') result = result.subarray(0, at);
    if (how === 'insert') {
      const more = Buffer.alloc(1 + (what % 9), what);
      result = Buffer.concat([result.subarray(0, at), more, result.subarray(at)]);
    }
    // Where the length of the header, the count of a list and the length of a frame may be.
    if (how === 'length' && at + 4 <= result.length) result.writeUInt32BE(what, at);
  }
  return result;
}

export const bytes = fc.uint8Array({ maxLength: 80 }).map((content) => Buffer.from(content));
export const external = fc.oneof(
  fc
    .record({ event: json, data: json, except: json }, { requiredKeys: [] })
    .map((content) => Buffer.from(JSON.stringify(content))),
  fc.string({ maxLength: 30 }).map((text) => Buffer.from(`{${text}`)),
  fc.constant(Buffer.from(`{"event":"x","data":${'['.repeat(1_500)}${']'.repeat(1_500)}}`)),
);
const PREFIX = Buffer.from([1, 0, 0, 0, 0, 0, 0, 28]);
export const oversized = fc.nat({ max: 100 }).map((more) => {
  const long = Buffer.alloc(4_097 + more, 0x20);
  PREFIX.copy(long);
  return long;
});

/** Half of the valid inputs are damaged. */
const perhapsDamaged = (whole: fc.Arbitrary<Buffer>) =>
  fc.oneof(
    whole,
    fc.tuple(whole, damage).map(([from, steps]) => damaged(from, steps)),
  );

export const anything = fc.oneof(
  { weight: 4, arbitrary: perhapsDamaged(event) },
  { weight: 6, arbitrary: perhapsDamaged(clusterMessage) },
  { weight: 2, arbitrary: external },
  { weight: 2, arbitrary: bytes },
  { weight: 1, arbitrary: oversized },
);
