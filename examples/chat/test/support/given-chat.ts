import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import type { Browser, BrowserContext } from 'playwright-core';
import { launchChromium } from '../../../../scripts/chromium/launch.mjs';
import { ChatApp, type ChatAppOptions } from './chat-app.js';
import { ChatPage } from './chat-page.js';

/** Two instances of the chat, and a browser, for all tests of a file. */
export interface GivenChat {
  readonly app: ChatApp;
  /** A person: a browser of their own, with any number of tabs. */
  person(): Promise<BrowserContext>;
  /** A tab of a person, logged in, once it is connected to this instance. */
  tab(
    user: string,
    instance: 'one' | 'two',
    person?: BrowserContext,
    url?: string,
  ): Promise<ChatPage>;
}

/** @param options differences from the defaults; a function if they are known only when the tests run */
export function givenChat(
  options: ChatAppOptions | (() => Promise<ChatAppOptions>) = {},
): GivenChat {
  let browser: Browser | undefined;
  let app: ChatApp | undefined;
  const pages: ChatPage[] = [];

  beforeAll(async () => {
    app = await ChatApp.start(typeof options === 'function' ? await options() : options);
    ({ browser } = await launchChromium());
  }, 120_000);

  afterEach(async () => {
    const faults = pages.splice(0).flatMap((page) => page.faults);
    for (const context of browser?.contexts() ?? []) await context.close();
    expect(faults).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  const person = async (): Promise<BrowserContext> => {
    if (browser === undefined) throw new Error('the browser has not started');
    // Without animations, which are expensive in a browser without a graphics card.
    return browser.newContext({
      viewport: { width: 1440, height: 900 },
      reducedMotion: 'reduce',
    });
  };
  return {
    get app() {
      if (app === undefined) throw new Error('the app has not started');
      return app;
    },
    person,
    async tab(user, instance, context, url) {
      const address = url ?? this.app.url(instance);
      const page = await ChatPage.as(user, context ?? (await person()), address);
      pages.push(page);
      await page.connectedTo(instance);
      return page;
    },
  };
}
