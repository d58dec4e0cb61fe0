// @ts-check
import { chromium } from 'playwright-core';
import { findChromium } from './find.mjs';
import { fetchFonts } from './fonts.mjs';

const args = [
  // The sandbox needs permissions that containers and CI machines seldom give. Only the project's own page is
  // loaded.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Launches a headless Chromium.
 *
 * @param {{ fonts?: boolean }} [options] `fonts`: use the project's own fonts, so that pictures look the same on
 * each machine; default: only if Chromium was fetched, because it may find no others
 */
export async function launchChromium({ fonts = false } = {}) {
  const { path, how, own } = await findChromium();
  const env = fonts || own ? { ...process.env, FONTCONFIG_FILE: await fetchFonts() } : process.env;
  const browser = await chromium.launch({ executablePath: path, args, env: withoutGaps(env) });
  return { browser, how };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Record<string, string>}
 */
function withoutGaps(env) {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
