import { deepStrictEqual } from 'node:assert/strict';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { until } from '../../../../test/support/until.js';

/** Time for machines that are busy with other things. */
const PATIENCE_MS = 30_000;

/** A tab of the chat, by what a person sees of it. */
export class ChatPage {
  readonly log: Locator;
  readonly input: Locator;
  readonly connection: Locator;
  readonly people: Locator;
  readonly orders: Locator;
  readonly cluster: Locator;
  /** Errors in the page itself. */
  readonly faults: string[] = [];
  /** How many connections it has opened. */
  connections = 0;

  private constructor(readonly page: Page) {
    this.log = page.getByRole('log');
    this.input = page.getByLabel(/^Message to /);
    this.connection = page.getByRole('status', { name: 'Connection' });
    this.people = page.getByRole('region', { name: 'People' });
    this.orders = page.getByRole('region', { name: 'Orders' });
    this.cluster = page.getByRole('region', { name: 'Cluster' });
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('websocket', () => (this.connections += 1));
  }

  static async open(context: BrowserContext, url: string): Promise<ChatPage> {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const chat = new ChatPage(page);
    await page.goto(url);
    return chat;
  }

  /** Opens the page as one of the users of the demo, and waits until it is in the lobby. */
  static async as(user: string, context: BrowserContext, url: string): Promise<ChatPage> {
    const chat = await ChatPage.open(context, `${url}/#${user}`);
    await chat.input.waitFor();
    return chat;
  }

  async say(text: string): Promise<void> {
    await this.input.fill(text);
    await this.input.press('Enter');
  }

  /** The messages, the oldest first; with `state`, only those that are `sent` or `sending`. */
  texts(state?: 'sent' | 'sending'): Promise<string[]> {
    const messages = state === undefined ? '' : `[data-state="${state}"]`;
    return this.log.locator(`article${messages} .message__text`).allTextContents();
  }

  async shows(text: string): Promise<void> {
    await this.log.locator('.message__text').getByText(text, { exact: true }).waitFor();
  }

  /** Waits until the messages that begin with `prefix` are these. */
  async showsExactly(prefix: string, expected: string[]): Promise<void> {
    const last = this.log.locator('article[data-state="sent"] .message__text').filter({
      hasText: new RegExp(`^${prefix}`),
    });
    await last.nth(expected.length - 1).waitFor();
    const seen = (await this.texts('sent')).filter((text) => text.startsWith(prefix));
    deepStrictEqual(seen, expected);
  }

  /** Waits until the input contains this text, however it got there. */
  async drafted(text: string): Promise<void> {
    await this.page.waitForFunction(
      ([input, wanted]) => (input as unknown as { value: string }).value === wanted,
      [await this.input.elementHandle(), text] as const,
    );
  }

  /** Waits until the tab says that it is connected to an instance. */
  async connectedTo(instance: string): Promise<void> {
    await this.connection.filter({ hasText: `Connected to${instance}` }).waitFor();
  }

  /** A notice, which is shown for a few seconds only. */
  news(title: string): Locator {
    return this.page
      .getByRole('list', { name: 'News' })
      .getByRole('listitem')
      .filter({ hasText: title });
  }

  person(name: string): Locator {
    return this.people
      .getByRole('listitem')
      .filter({ has: this.page.locator('.person__name') })
      .filter({ hasText: name });
  }

  instance(name: string): Locator {
    return this.cluster.getByRole('listitem', { name: `Instance ${name}` });
  }

  /** Presses the stop button of an instance, and once more to confirm within a few seconds. */
  async stop(name: string): Promise<void> {
    const button = (text: string): Locator =>
      this.instance(name).getByRole('button', { name: text });
    await until(
      async () => {
        await button('Stop').click();
        const really = button('Really stop it?').click({ timeout: 2_500 });
        return really.then(
          () => true,
          () => false,
        );
      },
      () => `the instance ${name} to be stopped`,
    );
  }

  async joinRoom(room: string): Promise<void> {
    await this.page.getByLabel('Join a room').fill(room);
    await this.page.getByRole('button', { name: 'Join', exact: true }).click();
  }

  room(name: string): Locator {
    return this.page.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name });
  }

  async order(item: string, forWhom = 'me'): Promise<void> {
    await this.orders.getByLabel('What').fill(item);
    const options = await this.orders.getByLabel('For whom').locator('option').all();
    for (const option of options) {
      if (!(await option.textContent())?.startsWith(`for ${forWhom}`)) continue;
      const value = await option.getAttribute('value');
      await this.orders.getByLabel('For whom').selectOption(value);
    }
    await this.orders.getByRole('button', { name: 'Order' }).click();
  }
}
