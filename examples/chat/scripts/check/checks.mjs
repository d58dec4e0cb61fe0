// @ts-check
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from './stage.mjs';

const publish = fileURLToPath(new URL('../../outside/publish.sh', import.meta.url));

/** @type {Record<string, (stage: import('./stage.mjs').Stage) => Promise<void>>} */
export const checks = {
  'each instance has the page': async ({ place }) => {
    for (const url of place.urls) {
      const response = await fetch(url);
      assert.equal(response.status, 200);
      const page = await response.text();
      const script = /<script [^>]*src="([^"]+)"/.exec(page)?.[1];
      assert.ok(script, `no script in the page of ${url}`);
      assert.equal((await fetch(new URL(script, url))).status, 200);
    }
  },

  'a token of one instance is good for both': async (stage) => {
    const alice = await stage.logIn('alice');
    for (const [i, instance] of ['one', 'two'].entries()) {
      const client = await stage.connect(i, '/', alice);
      assert.equal((await client.hears('welcome')).instance, instance);
    }
    const { status } = await stage.post(1, '/auth/login', { name: 'alice', password: 'guess' });
    assert.equal(status, 401);
  },

  'a message is acknowledged, and heard on both instances and by the other tab': async (stage) => {
    const [alice, bob] = [await stage.logIn('alice'), await stage.logIn('bob')];
    const tabs = [
      await stage.connect(0, '/chat', alice),
      await stage.connect(1, '/chat', alice),
      await stage.connect(1, '/chat', bob),
    ];
    for (const tab of tabs) await tab.ask('join', { room: 'lobby' });
    const sent = { room: 'lobby', text: 'Hello, two', clientId: 'check-1' };
    const message = await tabs[0]?.ask('message', sent);
    assert.equal(message.text, sent.text);
    for (const tab of tabs) {
      assert.deepEqual(await tab.hears('message', ({ id }) => id === message.id), message);
    }
    const refused = await tabs[0]?.ask('message', { ...sent, text: '' });
    assert.deepEqual(refused, {
      status: 'error',
      code: 'validation',
      message: ['A message cannot be empty.'],
    });
  },

  'presence knows the devices of a user on both instances': async (stage) => {
    const [alice, carol] = [await stage.logIn('alice'), await stage.logIn('carol')];
    const watcher = await stage.connect(0, '/presence', alice);
    await stage.connect(0, '/presence', carol, 'Laptop');
    const phone = await stage.connect(1, '/presence', carol, 'Phone');
    await watcher.hears('presence:change', ({ user, online, sessions }) => {
      const devices = sessions.map((/** @type {any} */ s) => `${s.device} on ${s.instance}`);
      return (
        user.id === 'carol' && online && devices.sort().join() === 'Laptop on one,Phone on two'
      );
    });
    await phone.ask('status', { status: 'busy' });
    await watcher.hears(
      'presence:change',
      ({ user, status }) => user.id === 'carol' && status === 'busy',
    );
  },

  'an order reaches all devices of a user, or says that nobody is there': async (stage) => {
    const alice = await stage.logIn('alice');
    const devices = [await stage.connect(0, '/', alice), await stage.connect(1, '/', alice)];
    const { body } = await stage.post(0, '/orders', { item: 'Tea' }, alice);
    assert.equal(body.reached, true);
    for (const device of devices) {
      for (const status of ['received', 'shipped']) {
        await device.hears('order-update', (o) => o.id === body.order.id && o.status === status);
      }
    }
    const offline = await stage.post(0, '/orders', { item: 'Tea', userId: 'dave' }, alice);
    assert.equal(offline.body.reached, false);
    assert.equal(offline.body.pushWouldBeSent, true);
  },

  'a script outside the app is heard on both instances': async (stage) => {
    const { redisUrl, prefix, cli } = stage.place;
    const bob = await stage.logIn('bob');
    const tabs = [await stage.connect(0, '/chat', bob), await stage.connect(1, '/chat', bob)];
    for (const tab of tabs) await tab.ask('join', { room: 'lobby' });
    const env = { ...process.env, REDIS_URL: redisUrl, REDIS_PREFIX: prefix, REDIS_CLI: cli };
    await promisify(execFile)('bash', [publish, 'lobby', 'The build is "green"'], { env });
    for (const tab of tabs) {
      await tab.hears('message', ({ text }) => text === 'The build is "green"');
    }
  },

  'an instance is stopped while messages are sent: nothing is lost, and it comes back': async (
    stage,
  ) => {
    const [dave, bob] = [await stage.logIn('dave'), await stage.logIn('bob')];
    const writer = await stage.roamer(dave, 0, 1);
    const reader = await stage.roamer(bob, 1, 0);
    const before = (await stage.view(1)).instances.find(({ name }) => name === 'one');
    const plan = Array.from({ length: 60 }, (_, i) => `Number ${i}`);
    for (const [i, text] of plan.entries()) {
      writer.say(text);
      if (i === 15) {
        const { status } = await stage.post(1, '/cluster/instances/one/stop', {}, bob);
        assert.equal(status, 202);
      }
      await sleep(15);
    }
    await until(
      () => writer.allSent && reader.texts('dave').length >= plan.length,
      () => `${plan.length} messages; there are ${reader.texts('dave').length}`,
    );
    assert.deepEqual(reader.texts('dave'), plan);
    assert.deepEqual(writer.texts('dave'), plan);
    assert.equal(writer.connections, 2, 'the writer has moved once');
    await until(
      async () => {
        const now = (await stage.view(1)).instances.find(({ name }) => name === 'one');
        return now?.state === 'ready' && now.id !== before?.id;
      },
      () => 'the instance to be started again',
    );
  },
};
