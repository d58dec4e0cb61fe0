import { expect, it } from '@jest/globals';
import { givenChat } from './support/given-chat.js';

// A stopped instance stays down until the page has been checked.
const given = givenChat({ env: { DRAIN_MS: '1000' }, awayMs: Infinity });

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i + 1}`);
}

it('loses nothing and shows nothing twice when an instance is stopped while messages are sent', async () => {
  const [alice, bob] = await Promise.all([given.tab('alice', 'one'), given.tab('bob', 'two')]);
  const messages = numbered('stop', 20);

  // Shown for a few seconds only.
  const moved = alice.news('Back, nothing missed').getByText('Moved to instance two').waitFor();
  const stopped = bob.instance('one').getByText('Stopped').waitFor();
  // It stays down until the page has said so, and comes back while messages are sent.
  const back = Promise.all([stopped, moved]).then(() => given.app.startAgain('one'));
  for (const [i, text] of messages.entries()) {
    if (i === 5) await bob.stop('one');
    await alice.say(text);
  }
  await alice.connectedTo('two');
  await alice.showsExactly('stop', messages);
  await bob.showsExactly('stop', messages);
  expect(await alice.texts('sending')).toEqual([]);
  await back;
  await bob.instance('one').getByText('Ready').waitFor();
  // The client of the other instance never had to reconnect.
  expect(bob.connections).toBe(1);
});

it('keeps messages written while no instance answers, and says so', async () => {
  const [alice, bob] = await Promise.all([given.tab('alice', 'one'), given.tab('bob', 'two')]);
  given.app.kill('one');
  given.app.kill('two');
  const banner = alice.page.getByRole('alert').filter({ hasText: 'No server answers' });
  const messages = numbered('dark', 3);
  for (const text of messages) await alice.say(text);
  await banner.waitFor();
  expect(await alice.texts('sending')).toEqual(messages);
  await alice.page.getByText('3 messages will be sent').waitFor();

  const reloaded = alice.news('Back, reloaded').waitFor();
  await Promise.all([given.app.startAgain('one'), given.app.startAgain('two')]);
  // Nobody has the events that were sent while all instances were down.
  await reloaded;
  await alice.showsExactly('dark', messages);
  await bob.showsExactly('dark', messages);
  await banner.waitFor({ state: 'hidden' });
});

it('moves a tab to another instance on request', async () => {
  const alice = await given.tab('alice', 'one');
  const moved = alice.news('Back, nothing missed').getByText('Moved to instance two').waitFor();
  await alice.instance('two').getByRole('button', { name: 'Move this tab here' }).click();
  await moved;
  await alice.connectedTo('two');
  await alice.instance('two').getByText('This tab').waitFor();
  await alice.say('from the other side');
  const bob = await given.tab('bob', 'one');
  await bob.shows('from the other side');
  expect(await alice.texts('sending')).toEqual([]);
});
