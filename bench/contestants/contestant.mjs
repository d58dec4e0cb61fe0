// @ts-check

/**
 * One instance of an app, in a process of its own, as users of a contestant run it. Clients send their user and
 * their rooms when they connect.
 *
 * @typedef {object} Contestant
 * @property {string} url where clients connect
 * @property {(user: string, event: string, data: unknown, namespace?: string) => unknown} toUser its result settles
 * once Redis has the event; the same for the others
 * @property {(room: string, event: string, data: unknown) => unknown} toRoom
 * @property {(event: string, data: unknown) => unknown} toAll
 * @property {() => unknown} [recovery] the state of the option `recovery`
 * @property {() => unknown} close
 */

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} label
 * @property {string} file in this folder
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} socketIo whether its clients use Socket.IO
 * @property {'library' | 'floor' | 'peer' | 'variant' | 'before'} kind a peer has the same task as the library; a
 * variant is the library, or a floor, with other settings; before is another build of the library
 */

/** @type {Entry[]} */
export const contestants = [
  { id: 'floor', label: 'floor', file: 'floor.mjs', socketIo: false, kind: 'floor' },
  {
    id: 'ws-send',
    label: 'floor, with ws.send()',
    file: 'floor.mjs',
    env: { WRITE: 'send' },
    socketIo: false,
    kind: 'variant',
  },
  { id: 'library', label: 'this library', file: 'library.mjs', socketIo: true, kind: 'library' },
  {
    id: 'no-presence',
    label: 'this library, presence off',
    file: 'library.mjs',
    env: { PRESENCE: 'off' },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'no-recovery',
    label: 'this library, recovery off',
    file: 'library.mjs',
    env: { RECOVERY_OPTION: 'off' },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'signed',
    label: 'this library, signing',
    file: 'library.mjs',
    env: { SECRET: '0123456789abcdef'.repeat(4) },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'not-coalesced',
    label: 'this library, coalesceWrites off',
    file: 'library.mjs',
    env: { COALESCE: 'off' },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'deflate',
    label: 'this library, perMessageDeflate',
    file: 'library.mjs',
    env: { DEFLATE: 'on' },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'redis-adapter',
    label: 'redis-adapter',
    file: 'redis-adapter.mjs',
    socketIo: true,
    kind: 'peer',
  },
  {
    id: 'redis-adapter-deflate',
    label: 'redis-adapter, perMessageDeflate',
    file: 'redis-adapter.mjs',
    env: { DEFLATE: 'on' },
    socketIo: true,
    kind: 'variant',
  },
  {
    id: 'sharded-adapter',
    label: 'redis-adapter, sharded',
    file: 'sharded-adapter.mjs',
    socketIo: true,
    kind: 'peer',
  },
  {
    id: 'streams-adapter',
    label: 'redis-streams-adapter',
    file: 'streams-adapter.mjs',
    socketIo: true,
    kind: 'peer',
  },
  {
    id: 'tutorial',
    label: "tutorial's design",
    file: 'tutorial.mjs',
    socketIo: true,
    kind: 'peer',
  },
  {
    id: 'bare',
    label: 'Socket.IO alone',
    file: 'bare-socket-io.mjs',
    socketIo: true,
    kind: 'floor',
  },
  {
    id: 'nest',
    label: 'Nest with IoAdapter alone',
    file: 'nest-alone.mjs',
    socketIo: true,
    kind: 'floor',
  },
];

/**
 * The contestants with these ids, in this order. With `BENCH_AGAINST`, the path of another build's `index.js`, a
 * scenario compares only this build with that one.
 *
 * @param {string[]} ids
 * @returns {Entry[]}
 */
export function named(...ids) {
  const { BENCH_AGAINST: against } = process.env;
  if (against !== undefined && ids.includes('library')) {
    const env = { BENCH_LIBRARY: against };
    return [
      ...contestants.filter(({ id }) => id === 'library'),
      {
        id: 'before',
        label: 'the other build',
        file: 'library.mjs',
        env,
        socketIo: true,
        kind: 'before',
      },
    ];
  }
  return ids.map((id) => {
    const entry = contestants.find((one) => one.id === id);
    if (entry === undefined) throw new Error(`no contestant ${id}`);
    return entry;
  });
}

export const PEERS = ['redis-adapter', 'sharded-adapter', 'streams-adapter', 'tutorial'];
