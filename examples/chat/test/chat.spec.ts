import { expect, it } from '@jest/globals';
import { ChatPage } from './support/chat-page.js';
import { givenChat } from './support/given-chat.js';

const given = givenChat({ env: { PRESENCE_GRACE_MS: '200', SHIPPING_MS: '500' } });

it('logs in with name and password, and shows what is wrong', async () => {
  const chat = await ChatPage.open(await given.person(), given.app.url('one'));
  const { page } = chat;
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').waitFor();
  expect(await page.getByLabel('Password').getAttribute('aria-invalid')).toBe('true');

  await page.getByLabel('Password').fill('demo');
  await page.getByLabel('Password').press('Enter');
  await chat.connectedTo('one');

  await page.reload();
  await chat.connectedTo('one');
});

it('shows a message on both instances, once', async () => {
  const alice = await given.tab('alice', 'one');
  const bob = await given.tab('bob', 'two');
  await alice.say('hello from one');
  await bob.shows('hello from one');
  await bob.say('hello from two');
  await alice.shows('hello from two');

  const both = ['hello from one', 'hello from two'];
  await alice.showsExactly('hello', both);
  await bob.showsExactly('hello', both);
  const mine = alice.log.getByRole('article', { name: /^You/ }).filter({ hasText: 'from one' });
  expect(await mine.getAttribute('data-state')).toBe('sent');
});

it('shows who is typing, until the message arrives', async () => {
  const alice = await given.tab('alice', 'one');
  const bob = await given.tab('bob', 'two');
  const typing = bob.page.getByText('Alice is typing');
  // It is shown for a few seconds only.
  const seen = typing.waitFor();
  await alice.input.pressSequentially('wait');
  await seen;
  expect(await alice.page.getByText('is typing').count()).toBe(0);
  await alice.input.press('Enter');
  await typing.waitFor({ state: 'hidden' });
  await bob.shows('wait');
});

it('shows next to the input why a message is refused, and keeps the text', async () => {
  const alice = await given.tab('alice', 'one');
  const bob = await given.tab('bob', 'two');
  const long = 'x'.repeat(501);
  await alice.say(long);
  const problem = alice.page.locator('form').filter({ has: alice.input }).getByRole('alert');
  await problem.waitFor();
  expect(await problem.textContent()).toContain('500');
  expect(await alice.input.inputValue()).toBe(long);
  expect(await alice.input.getAttribute('aria-invalid')).toBe('true');

  await alice.say('short enough');
  await bob.shows('short enough');
  expect(await bob.texts()).not.toContain(long);
  await problem.waitFor({ state: 'hidden' });
});

it('joins and leaves rooms, and tells the other members', async () => {
  const alice = await given.tab('alice', 'one');
  const bob = await given.tab('bob', 'two');
  await alice.joinRoom('Not A Room!');
  await alice.page.getByRole('navigation', { name: 'Rooms' }).getByRole('alert').waitFor();

  await alice.joinRoom('team');
  await alice.room('team').waitFor();
  await bob.joinRoom('team');
  await alice.log.getByText('Bob joined').waitFor();
  await bob.say('only for the team');
  await alice.shows('only for the team');

  await bob.page.getByRole('button', { name: 'Leave' }).click();
  await alice.log.getByText('Bob left').waitFor();
  await bob.room('team').waitFor({ state: 'detached' });
  expect(await alice.room('team').count()).toBe(1);
  await alice.page.getByRole('button', { name: 'Leave' }).click();
});

it('shows who is online, with which devices on which instance', async () => {
  const alice = await given.tab('alice', 'one');
  expect(await alice.person('Carol').textContent()).toContain('Offline');

  const carol = await given.person();
  const first = await given.tab('carol', 'two', carol);
  const devices = alice.person('Carol').getByRole('list', { name: 'Devices of Carol' });
  await devices.getByText('two').waitFor();
  const second = await given.tab('carol', 'one', carol);
  await devices.getByText('one').waitFor();
  expect(await devices.getByRole('listitem').count()).toBe(2);

  await first.people.getByRole('radio', { name: 'Busy' }).click();
  await alice.person('Carol').getByText('Busy').waitFor();
  await second.people.getByRole('radio', { name: 'Busy', checked: true }).waitFor();

  await carol.close();
  await alice.person('Carol').getByText('Offline').waitFor();
});

it('mirrors the actions of one tab of a user in the other one', async () => {
  const person = await given.person();
  const here = await given.tab('dave', 'one', person);
  const there = await given.tab('dave', 'two', person);

  await here.input.pressSequentially('half a sen');
  await there.drafted('half a sen');
  await here.input.press('Enter');
  await there.showsExactly('half', ['half a sen']);
  await there.drafted('');

  await here.joinRoom('dave-only');
  await there.room('dave-only').waitFor();
  await there.room('dave-only').click();
  await there.say('from the other tab');
  await here.showsExactly('from', ['from the other tab']);
  await here.page.getByRole('button', { name: 'Leave' }).click();
  await there.room('dave-only').waitFor({ state: 'detached' });
  expect(await there.room('lobby').count()).toBe(1);
});

it('pushes the steps of an order to all tabs, and knows which users are offline', async () => {
  const alice = await given.tab('alice', 'one');
  const alsoAlice = await given.tab('alice', 'two');
  const bob = await given.tab('bob', 'two');
  await alice.person('Bob').getByText('Available').waitFor();

  const news = [alice, alsoAlice].map((tab) => tab.news('Order received').waitFor());
  await alice.order('Flat white');
  await Promise.all(news);
  for (const tab of [alice, alsoAlice]) {
    await tab.orders.getByRole('listitem').filter({ hasText: 'On its way' }).waitFor();
    expect(await tab.orders.getByRole('listitem').count()).toBe(1);
  }
  expect(await bob.orders.getByRole('listitem').count()).toBe(0);

  await alice.order('Desk lamp', 'Bob');
  await alice.orders.getByRole('listitem').filter({ hasText: 'Reached' }).waitFor();
  await bob.orders.getByRole('listitem').filter({ hasText: 'Desk lamp' }).waitFor();

  // She has just left, and her events are kept for the case that she comes back.
  const carol = await given.tab('carol', 'two');
  await alice.person('Carol').getByText('Available').waitFor();
  await carol.page.close();
  await alice.person('Carol').getByText('Offline').waitFor();
  await alice.order('Train ticket', 'Carol');
  const offline = alice.orders.getByRole('listitem').filter({ hasText: 'Train ticket' });
  await offline.getByText('A push notification would be sent').waitFor();
  await offline.getByText('Offline').waitFor();
});
