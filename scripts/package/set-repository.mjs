// @ts-check
/**
 * Writes the address of the repository into package.json and the badges of the README:
 * `npm run repository -- https://github.com/OWNER/NAME`. The links of the published pages are made from it, see
 * `published-page.mjs`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { page, project } from '../docs-check/pages.mjs';
import { withBadges } from './badges.mjs';
import { addressFields, MANIFEST, manifest } from './manifest.mjs';

const [address = ''] = process.argv.slice(2);
if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+$/.test(address) || address.endsWith('.git')) {
  console.error('Usage: npm run repository -- https://github.com/OWNER/NAME');
  process.exit(1);
}
const made = addressFields(address);
const fields = Object.entries(manifest()).filter(([name]) => !Object.hasOwn(made, name));
const place = fields.findIndex(([name]) => name === 'license') + 1;
const all = [...fields.slice(0, place), ...Object.entries(made), ...fields.slice(place)];
writeFileSync(MANIFEST, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
writeFileSync(join(project, 'README.md'), withBadges(page('README.md').text, address));
