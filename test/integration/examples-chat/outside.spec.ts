import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findRedisServer } from '../../../scripts/redis/binary.mjs';
import { runPython } from '../../support/python.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { ChatApp } from './support/chat-app.js';

const TEXT = 'It\'s "50 %" \\ done, grüße';

/** The effect of a script: a line of its own, and a message to the members of the room. */
const from = (name: string) => {
  const message = {
    id: expect.any(String),
    clientId: expect.any(String),
    room: 'lobby',
    user: { id: 'outside', name },
    text: TEXT,
    at: expect.any(Number),
  };
  const printed = '2 instances have somebody in lobby\n';
  return { printed, one: [message], two: [message], outside: [] };
};

describe('examples/chat: publishers outside the app', () => {
  let app: ChatApp;
  beforeAll(async () => {
    app = await ChatApp.start();
  });
  afterAll(() => app.close());
  afterEach(() => app.disconnectAll());

  const run = async (...[file = '', ...args]: string[]): Promise<string> => {
    const env = {
      ...process.env,
      REDIS_URL: testRedisUrl(),
      REDIS_PREFIX: app.prefix,
      REDIS_CLI: (await findRedisServer()).cli,
    };
    return (await promisify(execFile)(file, args, { env })).stdout;
  };

  /** The events of alice on one instance, bob on the other, and carol outside of the room. */
  const heardOf = async (publish: () => Promise<string>): Promise<unknown> => {
    const [alice, bob] = await Promise.all([
      app.connect(0, await app.logIn('alice')),
      app.connect(1, await app.logIn('bob')),
    ]);
    for (const client of [alice, bob]) await client.ask('join', { room: 'lobby' });
    const carol = await app.connect(1, await app.logIn('carol'));
    const printed = await publish();
    const [one, two] = await Promise.all([alice, bob].map((client) => client.waitFor('message')));
    return { printed, one, two, outside: carol.data('message') };
  };

  it('a message of a shell script with redis-cli reaches the room on both instances', async () => {
    const heard = await heardOf(() =>
      run('bash', 'examples/chat/outside/publish.sh', 'lobby', TEXT),
    );
    expect(heard).toEqual(from('A shell script'));
  });

  it('a message of a Python script reaches the room on both instances', async () => {
    const heard = await heardOf(() =>
      runPython('examples/chat/outside/publish.py', ['lobby', TEXT], {
        REDIS_URL: testRedisUrl(),
        REDIS_PREFIX: app.prefix,
      }),
    );
    expect(heard).toEqual(from('A Python script'));
  });
});
