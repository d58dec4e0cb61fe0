import { expect, it } from '@jest/globals';
import { until } from '../../../test/support/until.js';
import { givenChat } from './support/given-chat.js';

const TOKEN_MS = 12_000;
const given = givenChat({ env: { DEMO_TOKEN_SECONDS: String(TOKEN_MS / 1000) } });

it('renews its token without reconnecting', async () => {
  const alice = await given.tab('alice', 'one');
  const started = Date.now();
  await alice.page.getByRole('button', { name: 'Account of Alice' }).click();
  await until(
    () => Date.now() - started > TOKEN_MS + 1_000,
    () => 'the life of a token to be over',
  );
  // The first renewal comes at once, and each of the others at half of the lifetime of a token.
  await alice.page.getByText(/Token renewed [3-9] times/).waitFor();
  await alice.connectedTo('one');
  expect(alice.connections).toBe(1);

  await alice.page.keyboard.press('Escape');
  await alice.say('still me');
  await alice.showsExactly('still', ['still me']);
});

it('goes to the login when the session cannot be renewed', async () => {
  const alice = await given.tab('alice', 'one');
  await alice.page.route('**/auth/refresh', (route) =>
    route.fulfill({ status: 401, json: { message: 'no' } }),
  );
  await alice.page.getByText('Your session has ended. Please log in again.').waitFor();
  expect(await alice.page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(true);
});
