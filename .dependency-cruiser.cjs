/**
 * The rooms of src/ and the arrows between them. Each room lists the rooms that it may import from; any other import is an
 * error, and so is an import by a room that is missing here. A type-only import counts like any other.
 */
const base = ['kinds', 'text', 'errors', 'ports'];
const common = [...base, 'contract', 'options', 'reporting'];
const rooms = {
  kinds: [],
  text: ['kinds'],
  errors: ['kinds', 'text'],
  ports: [],
  contract: base,
  reporting: base,
  options: [...base, 'contract'],
  wire: base,
  redis: common,
  channels: [...common, 'wire'],
  auth: common,
  cluster: [...common, 'wire', 'channels', 'cluster/records'],
  'cluster/records': [...base, 'wire', 'redis'],
  // An event needs no membership: routing does not know the cluster.
  routing: [...common, 'wire', 'channels', 'auth'],
  repair: [...common, 'wire', 'channels', 'cluster', 'cluster/records', 'routing'],
  recovery: [...common, 'wire', 'redis', 'channels', 'auth', 'cluster', 'routing', 'socket-io'],
  'socket-io': [...base, 'reporting', 'wire', 'routing'],
  'socket-io/connections': [...common, 'wire', 'auth', 'routing', 'socket-io'],
  'socket-io/commands': [
    ...common,
    'wire',
    'auth',
    'cluster',
    'routing',
    'socket-io',
    'socket-io/connections',
  ],
  'socket-io/adapter': [
    ...common,
    'wire',
    'auth',
    'channels',
    'cluster',
    'routing',
    'recovery',
    'socket-io',
    'socket-io/connections',
    'socket-io/commands',
  ],
  propagation: [...common, 'wire', 'auth', 'cluster', 'routing', 'socket-io/commands'],
  sessions: [...common, 'wire', 'auth', 'cluster', 'routing', 'socket-io/connections'],
  once: [...common, 'redis'],
  'presence/store': [...base, 'options', 'wire', 'redis'],
  'presence/tracker': [...common, 'auth', 'presence/store'],
  presence: [
    ...common,
    'wire',
    'auth',
    'channels',
    'cluster',
    'redis',
    'socket-io/connections',
    'presence/store',
    'presence/tracker',
  ],
  observability: [...common, 'wire', 'auth', 'cluster', 'routing'],
};
const inner = Object.keys(rooms);
rooms.nest = inner;
rooms.testing = [...inner, 'nest'];

/** A room is a folder, or a single file while it is small. A folder that is listed itself is no part of the room around it. */
const pathOf = (room) => {
  const within = Object.keys(rooms).filter((other) => other.startsWith(`${room}/`));
  const but = within.map((other) => other.slice(room.length + 1)).join('|');
  return `^src/${room}(/${but && `(?!(${but})/)`}|\\.ts$)`;
};
const allRooms = Object.keys(rooms).map(pathOf);

/** A package, installed or not yet, by any path that a resolver gives it. */
const packages = (...names) => `(^|^node_modules/|/node_modules/)(${names.join('|')})(/|$)`;
const typesOnly = { dependencyTypesNot: ['type-only'] };

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `From src/, src/${room} may import only: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: pathOf(room) },
  to: { path: '^src/', pathNot: [room, ...allowed].map(pathOf) },
}));

const packageRules = [
  {
    name: 'ioredis-stays-in-redis',
    comment: 'Only src/redis knows the Redis client. Others use the port src/ports/pub-sub.ts.',
    severity: 'error',
    from: { path: '^src/', pathNot: ['redis', 'options'].map(pathOf) },
    to: { path: packages('ioredis') },
  },
  {
    name: 'options-only-types',
    comment: 'src/options describes what others run: it imports types of packages, no code.',
    severity: 'error',
    from: { path: pathOf('options') },
    to: { path: packages('ioredis', 'socket\\.io'), ...typesOnly },
  },
  {
    name: 'nest-stays-in-nest',
    comment: 'Inner rooms are plain classes; only src/nest (and src/testing) knows Nest.',
    severity: 'error',
    from: { path: '^src/', pathNot: ['nest', 'testing'].map(pathOf) },
    to: { path: packages('@nestjs') },
  },
  {
    name: 'redis-carries-bytes',
    comment: 'src/redis does not know what the bytes mean: no Socket.IO there, not even its types.',
    severity: 'error',
    from: { path: pathOf('redis') },
    to: { path: packages('socket\\.io[^/]*', 'engine\\.io[^/]*', 'ws') },
  },
  {
    name: 'socket-io-only-types',
    comment: 'The socket.io that runs is the one of the app: import only its types.',
    severity: 'error',
    from: { path: '^src/', pathNot: pathOf('testing') },
    to: { path: packages('socket\\.io'), ...typesOnly },
  },
  {
    name: 'wire-is-pure',
    comment: 'src/wire is pure functions: of packages, those for packets and frames; no I/O.',
    severity: 'error',
    from: { path: pathOf('wire') },
    to: {
      pathNot: ['^src/', '^(node:)?(buffer|crypto|zlib)$', packages('socket\\.io-parser', 'ws')],
    },
  },
  {
    name: 'no-dev-package',
    comment: 'The published code may import what package.json lists for its users, nothing else.',
    severity: 'error',
    from: { path: '^src/' },
    to: {
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
      dependencyTypesNot: ['npm', 'npm-peer'],
    },
  },
];

const observed = {
  name: 'opentelemetry-stays-in-observability',
  comment:
    'An optional peer: only src/observability knows it, and imports its code when the app starts.',
  severity: 'error',
};
packageRules.push(
  {
    ...observed,
    from: { path: '^src/', pathNot: pathOf('observability') },
    to: { path: packages('@opentelemetry') },
  },
  {
    ...observed,
    from: { path: pathOf('observability') },
    to: {
      path: packages('@opentelemetry'),
      dependencyTypesNot: ['type-only', 'dynamic-import'],
    },
  },
);

const shapeRules = [
  { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-unresolved',
    comment: 'An import that is not found cannot be judged by the other rules.',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'nobody-imports-the-door',
    comment: 'src/index.ts and src/testing/index.ts are for users; inside, import the file itself.',
    severity: 'error',
    from: {},
    to: { path: '^src/(testing/)?index\\.ts$' },
  },
  {
    name: 'main-door-without-testing',
    comment: 'Test helpers have a door of their own and do not come along with the main one.',
    severity: 'error',
    from: { path: '^src/index\\.ts$' },
    to: { path: pathOf('testing') },
  },
  ...['from', 'to'].map((end) => ({
    name: `no-barrel-${end}`,
    comment: "No index.ts inside rooms, and so no import of '.' or '..' either.",
    severity: 'error',
    from: {},
    to: {},
    [end]: { path: '^src/.+/index\\.ts$', pathNot: '^src/testing/index\\.ts$' },
  })),
  ...['from', 'to'].map((end) => ({
    name: `unknown-room-${end}`,
    comment:
      'A file in src/ belongs to a room of the table above; a new room is added there first.',
    severity: 'error',
    from: {},
    to: {},
    [end]: { path: '^src/', pathNot: ['^src/index\\.ts$', ...allRooms] },
  })),
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...shapeRules, ...roomRules, ...packageRules],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Sees type-only imports, and tells them from the others.
    tsPreCompilationDeps: 'specify',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'require', 'node', 'default'],
    },
  },
};
