import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../../../scripts/chromium/launch.mjs';
import { project } from '../../../scripts/docs-check/pages.mjs';
import { manifest } from '../../../scripts/package/manifest.mjs';
import { ROUTES, urlOf } from '../../../scripts/docs-site/pages.mjs';
import { serve } from '../../../scripts/docs-site/serve.mjs';

const PHONE = { width: 375, height: 740 };
const DESKTOP = { width: 1440, height: 900 };

/** Pages of the site and of the reference, as a reader types their addresses. */
const ADDRESSES = [
  ...Object.values(ROUTES).map((route) => urlOf(route).replace(/(?<!\/)$/, '.html')),
  '/api/',
  '/api/classes/index.RedisPropagatorService.html',
];

describe('the documentation site', () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serve>>;
  const faults: string[] = [];

  beforeAll(async () => {
    site = await serve(`${project}/docs/site/dist`, '/', 0);
    ({ browser } = await launchChromium());
  });

  /** No test may leave an error in a page. */
  const noFaults = (): void => expect(faults.splice(0)).toEqual([]);

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    noFaults();
  });

  afterAll(async () => {
    await browser.close();
    site.close();
  });

  /** A tab that notes errors, requests that fail and requests to other hosts. */
  const open = async (viewport: typeof PHONE, path: string): Promise<Page> => {
    const page = await browser.newPage({ viewport, reducedMotion: 'reduce', colorScheme: 'light' });
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${String(error)}`));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(site.url) && !request.url().startsWith('data:')) {
        faults.push(`${page.url()}: asks for ${request.url()}`);
      }
    });
    await page.goto(new URL(path, site.url).href);
    return page;
  };

  it('fits a phone, on every page', async () => {
    const page = await open(PHONE, '/');
    const tooWide: string[] = [];
    for (const address of ADDRESSES) {
      await page.goto(new URL(address, site.url).href);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      if (width !== PHONE.width) tooWide.push(`${address}: ${String(width)} px`);
    }
    expect(tooWide).toEqual([]);
  });

  it('finds "Sentinel", on a phone, and leads there', async () => {
    const page = await open(PHONE, '/');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('Sentinel');
    const found = page.getByRole('option').filter({ hasText: 'Sentinel' }).first();
    await found.click();
    await page.waitForURL(/\.html#/);
    expect(await page.locator('main').textContent()).toContain('Sentinel');
  });

  it('has a menu on a phone that leads to a page', async () => {
    const page = await open(PHONE, '/');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.locator('.VPSidebar').getByRole('link', { name: 'Options' }).click();
    await page.getByRole('heading', { level: 1, name: 'Options' }).waitFor();
    expect(page.url()).toBe(`${site.url}options.html`);
  });

  it('becomes dark, diagrams as well, and stays so on the next page', async () => {
    const page = await open(DESKTOP, '/how-it-works.html');
    const shown = (theme: string): Promise<boolean> =>
      page.locator(`.diagram__${theme}`).first().isVisible();
    expect([await shown('light'), await shown('dark')]).toEqual([true, false]);
    await page.getByRole('switch').first().click();
    await page.locator('html.dark').waitFor();
    expect([await shown('light'), await shown('dark')]).toEqual([false, true]);
    await page.goto(`${site.url}architecture.html`);
    await page.locator('html.dark').waitFor();
    expect([await shown('light'), await shown('dark')]).toEqual([false, true]);
  });

  it('shows each diagram as a picture that has loaded', async () => {
    const page = await open(DESKTOP, '/how-it-works.html');
    const pictures = page.locator('.diagram__light');
    expect(await pictures.count()).toBeGreaterThan(3);
    for (const picture of await pictures.all()) {
      await picture.scrollIntoViewIfNeeded();
      const width = await page.waitForFunction(
        (image) => (image as unknown as { naturalWidth: number }).naturalWidth,
        await picture.elementHandle(),
      );
      expect(await width.jsonValue()).toBeGreaterThan(100);
    }
  });

  it('names its version, whose menu leads to the changelog', async () => {
    const page = await open(DESKTOP, '/');
    await page.getByRole('button', { name: manifest().version, exact: true }).hover();
    await page.locator('.VPNavBarMenu').getByRole('link', { name: 'Changelog' }).click();
    await page.getByRole('heading', { level: 1, name: 'Changelog' }).waitFor();
    expect(page.url()).toBe(`${site.url}changelog.html`);
  });

  it('leads to the API reference and back', async () => {
    const page = await open(DESKTOP, '/');
    await page.getByRole('link', { name: 'API', exact: true }).click();
    await page.waitForURL(`${site.url}api/`);
    await page.getByRole('link', { name: 'Documentation' }).click();
    await page.waitForURL(site.url);
    expect(await page.title()).toContain('nestjs-redis-propagator');
  });
});
