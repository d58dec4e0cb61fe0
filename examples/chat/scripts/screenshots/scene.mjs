// @ts-check
import { Person } from './people.mjs';
import { sideBySide } from './side-by-side.mjs';

/**
 * @typedef {object} Stage
 * @property {import('playwright-core').Browser} browser
 * @property {string[]} urls of the instances
 * @property {(name: string, picture: Promise<Buffer>) => Promise<void>} keep
 */

/** How many seconds the curves should show. */
const CURVE_MS = 24_000;

/**
 * The actions of people while their picture is taken.
 *
 * @param {Stage} stage
 */
export async function play({ browser, urls, keep }) {
  const [one = '', two = ''] = urls;
  await loginPage(browser, one, keep);
  const alice = await Person.open(browser, 'alice', one, 'desktop');
  const bob = await Person.open(browser, 'bob', two, 'phone');
  const carol = await Person.open(browser, 'carol', two, 'desktop');
  await carol.page.getByRole('radio', { name: 'Busy' }).first().click();
  const began = Date.now();

  await alice.say('Morning! The new release runs on both instances.');
  await bob.say('Saw it. I am on two, on my phone.');
  await bob.say('Everything arrives, even in the train.');
  await carol.say('Same here, from the office.');
  await alice.say('Good. I am about to stop instance one, while you read this.');
  await bob.say('Brave.');
  await alice.say('Nothing gets lost, and nothing comes twice.');
  await alice.order('Red notebook', 'dave');
  await alice.order('Flat white', 'alice');

  // Typing continues until the curves are long enough.
  const watching = 'I will watch it from here, all the way through';
  for (let i = 0; Date.now() - began < CURVE_MS; i = (i + 1) % watching.length) {
    await bob.input.press(i === 0 ? 'ControlOrMeta+a' : 'End');
    await bob.input.pressSequentially(watching[i] ?? '', { delay: 120 });
  }
  await bob.input.fill('I will watch it from here');
  await alice.page.getByText('Bob is typing').waitFor();

  await keep('chat-light', picture(alice.page));
  await keep('two-users', sideBySide(browser, [alice.page, bob.page]));
  await keep('phone-light', picture(bob.page));
  await alice.colours('dark');
  await keep('chat-dark', picture(alice.page));
  await alice.colours('light');

  await bob.colours('dark');
  await bob.input.fill('');
  await bob.goTo('Cluster');
  await keep('phone-dark', picture(bob.page));

  await stopInstance(alice);
  await keep('instance-stopped', picture(alice.page));
}

/**
 * Waits until everything has been drawn.
 *
 * @param {import('playwright-core').Page} page
 */
async function picture(page) {
  await page.waitForTimeout(200);
  return page.screenshot();
}

/**
 * @param {Stage['browser']} browser
 * @param {string} url
 * @param {Stage['keep']} keep
 */
async function loginPage(browser, url, keep) {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  await page.goto(url);
  await page.getByRole('heading', { name: 'Who are you today?' }).waitFor();
  await keep('login', picture(page));
  await page.close();
}

/** @param {Person} alice who is connected to it, and writes meanwhile */
async function stopInstance(alice) {
  await alice.instance('one').getByRole('button', { name: 'Stop' }).click();
  await alice.instance('one').getByRole('button', { name: 'Really stop it?' }).click();
  await alice.say('I am still here, on the other instance.');
  await alice.page.getByRole('status', { name: 'Connection' }).getByText('two').waitFor();
  await alice.page.getByText('Back, nothing missed').waitFor();
  await alice.instance('one').getByText('Stopped').waitFor();
}
