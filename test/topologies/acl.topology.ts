import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from '../../scripts/redis/server.mjs';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import type { RedisConnection } from '../../src/index.js';
import { redisPubSub } from '../support/redis-pub-sub.js';
import type { TestCluster } from '../support/test-cluster.js';
import { printedRules } from './support/acl-line.js';
import { itConforms } from './support/conforms.js';
import { consoleNoise } from './support/console-noise.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { exerciseAll, startTwo } from './support/two-instances.js';

const single = started(startSingle);
const cluster = started(() => startCluster(serverBin()));

/** A single Redis with the interface of a Cluster. */
async function startSingle() {
  const server = await startRedis(serverBin());
  const admin = new Redis(server.url);
  return {
    nodes: [{ host: server.host, port: server.port }],
    everywhere: async (command: string, ...rest: string[]) => {
      await admin.call(command, ...rest);
    },
    stop: async () => {
      admin.disconnect();
      await server.stop();
    },
  };
}

const PASSWORD = 'secret';

describe.each([
  [
    'a single Redis',
    'single' as const,
    single,
    (username: string, password: string): RedisConnection => ({
      ...single().nodes[0],
      username,
      password,
    }),
  ],
  [
    'a Cluster',
    'cluster' as const,
    cluster,
    (username: string, password: string): RedisConnection => ({
      nodes: cluster().nodes,
      options: { redisOptions: { username, password } },
    }),
  ],
])('on %s', (_, kind, topology, connection) => {
  const rules = printedRules(kind);
  let users = 0;
  let apps: TestCluster | undefined;

  afterEach(async () => {
    await apps?.close();
    apps = undefined;
  });

  /** Creates a user with these rules; returns its name. */
  const user = async (...given: string[]): Promise<string> => {
    const name = `app${++users}`;
    await topology().everywhere('ACL', 'SETUSER', name, ...given);
    return name;
  };
  const start = async (username: string, password = PASSWORD): Promise<TestCluster> => {
    apps = await startTwo({
      redis: connection(username, password),
      // The user of the printed rules. Both kinds of Redis belong to this test alone.
      prefix: 'propagator',
    });
    return apps;
  };

  describe('the ACL user of the recipes', () => {
    itConforms({
      create: async () => {
        const own = rules.map((rule) => rule.replace('&propagator:', '&conformance:'));
        const name = await user(...own);
        return redisPubSub({ redis: connection(name, PASSWORD) }).pubSub;
      },
    });

    it('is enough for everything that two instances do, without a warning', async () => {
      const name = await user(...rules);
      const noise = await consoleNoise(() => start(name));
      expect(noise).toEqual([]);
      await expect(exerciseAll(apps)).resolves.toBeUndefined();
    });
  });

  const [publish, subscribe, unsubscribe] =
    kind === 'single'
      ? ['publish', 'subscribe', 'unsubscribe']
      : ['spublish', 'ssubscribe', 'sunsubscribe'];

  it.each([publish, subscribe, unsubscribe].map(String))(
    'an app without +%s does not start, and the error names it',
    async (command) => {
      const name = await user(...rules, `-${command}`);
      const refused = start(name);
      await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
      await expect(refused).rejects.toThrow(`refused ${command.toUpperCase()} (NOPERM`);
      await expect(refused).rejects.toThrow(`+${command} and the channels &propagator:*`);
    },
  );

  it('an app without the channels does not start, and the error names them', async () => {
    const name = await user(...rules, 'resetchannels', '&other:*');
    const refused = start(name);
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow('and the channels &propagator:*');
  });

  it.each([
    ['eval', '+eval and'],
    ['evalsha', '+evalsha and'],
    // Redis itself does not name a missing command of a script, and it may or may not know the script already.
    ...['time', 'hset', 'hscan', 'zrangebylex'].map((command) => [command, '+eval'] as const),
  ])('an app without +%s does not start, and the error says so', async (command, named) => {
    const name = await user(...rules, `-${command}`);
    const refused = start(name);
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow(named);
    await expect(refused).rejects.toThrow(
      /the keys ~propagator:presence:\* and the channels &propagator:presence:\*/,
    );
  });

  it('an app without the keys does not start, and the error names them; without presence it starts', async () => {
    const name = await user(...rules, 'resetkeys', '~other:*');
    const refused = start(name);
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow('the keys ~propagator:presence:*');
    apps = await startTwo({
      redis: connection(name, PASSWORD),
      prefix: 'propagator',
      presence: false,
    });
    expect(apps.instances.map((instance) => instance.redis.state)).toEqual(['ready', 'ready']);
  });

  it.each([
    ['a wrong password', 'wrong'],
    ['a user that is off', PASSWORD],
  ])('an app with %s does not start, and the error does not reveal it', async (what, password) => {
    const name = await user(...rules, ...(what === 'a user that is off' ? ['off'] : []));
    const refused = start(name, password);
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow(/refused AUTH \(WRONGPASS.*Check the user name/);
    await expect(refused).rejects.not.toThrow(new RegExp(`"${password}"|>${password}`));
  });

  it('the other permissions only avoid log lines', async () => {
    const name = await user(...rules, '-info', '-client', '-ping');
    await consoleNoise(() => start(name));
    await expect(exerciseAll(apps)).resolves.toBeUndefined();
  });
});

describe('on a Cluster', () => {
  it('an app that may not read the slots does not start, and the error names the command', async () => {
    await cluster().everywhere('ACL', 'SETUSER', 'blind', ...printedRules('cluster'), '-cluster');
    const refused = startTwo({
      redis: {
        nodes: cluster().nodes,
        options: { redisOptions: { username: 'blind', password: PASSWORD } },
      },
    });
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow('+cluster|slots');
  });

  it('a permission that is missing on one node only is found, too', async () => {
    await cluster().everywhere('ACL', 'SETUSER', 'partly', ...printedRules('cluster'));
    const node = await cluster().masterOf(0);
    await node.admin.call('ACL', 'SETUSER', 'partly', '-spublish');
    const refused = startTwo({
      prefix: 'propagator',
      redis: {
        nodes: cluster().nodes,
        options: { redisOptions: { username: 'partly', password: PASSWORD } },
      },
    });
    await expect(refused).rejects.toThrow(/refused SPUBLISH .*\+spublish/);
  });
});
