// @ts-check
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchFromDebian } from '../redis/debian.mjs';
import { withLock } from '../redis/lock.mjs';
import { cache } from './find.mjs';

/** Inter for text, DejaVu for monospaced text: both are free, and the same on each machine. */
const packages = 'fonts-inter fonts-dejavu-core';

/**
 * Fetches fonts from Debian's packages, once, without installing them.
 *
 * @returns {Promise<string>} the font configuration, for FONTCONFIG_FILE
 */
export async function fetchFonts() {
  const folder = join(cache, 'fonts');
  const config = join(cache, 'fonts.conf');
  await mkdir(cache, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (!existsSync(folder)) await fetchFromDebian(folder, { package: packages, commands: {} });
    await writeFile(
      config,
      configFor(join(folder, 'root/usr/share/fonts'), join(cache, 'fontcache')),
    );
  });
  return config;
}

/**
 * @param {string} fonts
 * @param {string} fontCache
 */
function configFor(fonts, fontCache) {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>${fonts}</dir>
  <cachedir>${fontCache}</cachedir>
  ${alias('sans-serif', 'Inter')}
  ${alias('system-ui', 'Inter')}
  ${alias('serif', 'DejaVu Serif')}
  ${alias('monospace', 'DejaVu Sans Mono')}
  ${alias('ui-monospace', 'DejaVu Sans Mono')}
</fontconfig>
`;
}

/**
 * @param {string} family
 * @param {string} font
 */
function alias(family, font) {
  return `<alias binding="same"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`;
}
