// @ts-check

/** @typedef {import('playwright-core').Browser} Browser */
/** @typedef {import('playwright-core').Page} Page */

const desktop = { viewport: { width: 1440, height: 900 } };
const phone = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  userAgent:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1',
};

/** A person with a browser, looking at one instance. */
export class Person {
  /**
   * @param {Browser} browser
   * @param {string} user
   * @param {string} url
   * @param {'desktop' | 'phone'} device
   */
  static async open(browser, user, url, device) {
    const options = device === 'phone' ? phone : desktop;
    const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(`${url}/#${user}`);
    await page.getByLabel(/^Message to /).waitFor();
    return new Person(page);
  }

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.input = page.getByLabel(/^Message to /);
    this.cluster = page.getByRole('region', { name: 'Cluster' });
    this.orders = page.getByRole('region', { name: 'Orders' });
  }

  /** @param {string} text */
  async say(text) {
    await this.input.fill(text);
    await this.input.press('Enter');
    await this.page.locator('[data-state="sent"]', { hasText: text }).waitFor();
  }

  /**
   * @param {string} item
   * @param {string} forWhom the value of the option
   */
  async order(item, forWhom) {
    await this.orders.getByLabel('What').fill(item);
    await this.orders.getByLabel('For whom').selectOption(forWhom);
    await this.orders.getByRole('button', { name: 'Order' }).click();
    await this.orders.getByRole('listitem').filter({ hasText: item }).waitFor();
  }

  /** @param {'light' | 'dark'} colorScheme */
  colours(colorScheme) {
    return this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  }

  /** @param {string} name of a view, on a phone */
  async goTo(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** @param {string} name of an instance */
  instance(name) {
    return this.cluster.getByRole('listitem', { name: `Instance ${name}` });
  }
}
