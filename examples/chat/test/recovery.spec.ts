import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Balancer } from '../../../test/support/balancer.mjs';
import { until } from '../../../test/support/until.js';
import { givenChat } from './support/given-chat.js';

const OFFLINE_MS = 3_000;

// Start the chat as behind a load balancer: no page knows the addresses of the instances.
const given = givenChat({ env: { INSTANCE_URLS: '', PUBLIC_URL: '' } });
let balancer: Balancer;
beforeAll(async () => {
  balancer = await Balancer.start([given.app.url('one'), given.app.url('two')]);
});
afterAll(() => balancer.close());

it('brings the missed messages to a browser whose network was cut, at the other instance, once and in order', async () => {
  balancer.sendTo('', 0);
  const person = await given.person();
  const [alice, bob, carol] = await Promise.all([
    given.tab('alice', 'one', person, balancer.url),
    given.tab('bob', 'two'),
    given.tab('carol', 'one'),
  ]);
  await bob.say('now 0');
  await alice.showsExactly('now', ['now 0']);
  // Record the frames of the next connection.
  const sent: string[] = [];
  const received: string[] = [];
  alice.page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => sent.push(String(payload)));
    socket.on('framereceived', ({ payload }) => received.push(String(payload)));
  });
  const events = (name: string) =>
    received.filter((packet) => packet.startsWith(`42/chat,["${name}",`));

  const cutAt = performance.now();
  const accept = balancer.refuse();
  await person.setOffline(true);
  balancer.cut();
  balancer.sendTo('', 1);
  await alice.page.getByText('Left instance one').waitFor();
  const messages: string[] = [];
  for (let i = 1; performance.now() - cutAt < OFFLINE_MS; i++) {
    for (const [name, writer] of Object.entries({ bob, carol })) {
      const text = `away ${i} ${name}`;
      messages.push(text);
      await writer.say(text);
      // Both see the message before the next one is written.
      await Promise.all([bob.shows(text), carol.shows(text)]);
    }
  }
  expect(await alice.texts()).not.toContain(messages[0]);

  const back = alice.news('Back, nothing missed').getByText('Moved to instance two').waitFor();
  accept();
  await person.setOffline(false);
  await back;
  await alice.connectedTo('two');
  await alice.showsExactly('away', messages);
  await until(
    () => events('rooms').length > 0,
    () => 'the rooms of the user',
  );
  await alice.say('here again');
  await bob.shows('here again');
  // The messages came as events, each once, and not with the history, for which the page asks when it loads a room.
  const texts = events('message').map((packet) => /"text":"(.*?)"/.exec(packet)?.[1]);
  expect(texts.filter((text) => text?.startsWith('away'))).toEqual(messages);
  expect(sent.filter((packet) => packet.includes('"join"'))).toEqual([]);
});
