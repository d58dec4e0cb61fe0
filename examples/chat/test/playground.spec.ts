import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { until } from '../../../test/support/until.js';
import type { ClusterView } from '../shared/model.js';
import { givenChat } from './support/given-chat.js';

const given = givenChat({ awayMs: Infinity });

const count = async (page: Page, name: string): Promise<number> => {
  const group = page.locator('#count > div').filter({ hasText: name });
  return Number(await group.locator('dd').textContent());
};

/** The first reply to a page that is opened before the other instances have reported. */
const withoutReports = (page: Page): Promise<unknown> =>
  page.route('**/cluster', async (route) => {
    const response = await route.fetch();
    const view = (await response.json()) as ClusterView;
    const json = { ...view, instances: view.instances.filter(({ me }) => me) };
    await route.fulfill({ response, json });
  });

it('loses nothing when an instance is killed while both clients send, and shows it on a phone', async () => {
  const faults: string[] = [];
  const page = await (await given.person()).newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.setViewportSize({ width: 375, height: 740 });
  await withoutReports(page);
  await page.goto(`${given.app.url('one')}/playground.html`);
  const pane = (user: string) => page.getByRole('region', { name: user });
  const received = (least: number) =>
    until(
      async () => (await count(page, 'Received by both')) >= least,
      () => `${least} messages to be received by both clients`,
    );
  await received(10);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);

  await pane('carol').getByText('connected to instance one').waitFor();
  await pane('dave').getByText('connected to instance two').waitFor();
  const before = await count(page, 'Sent');
  await pane('carol').getByRole('button', { name: 'Kill instance one' }).click();
  await pane('carol').getByText('connected to instance two').waitFor();
  await received(before + 20);

  await page.getByRole('button', { name: 'Stop sending' }).click();
  const sent = await count(page, 'Sent');
  await received(sent);
  expect(await count(page, 'Received by both')).toBe(sent);
  expect(await count(page, 'On their way')).toBe(0);
  expect(await count(page, 'Missing')).toBe(0);
  expect(await count(page, 'Shown twice')).toBe(0);
  expect(faults).toEqual([]);
});
