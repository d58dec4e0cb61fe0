// @ts-check
/**
 * Writes the address of the repository into package.json, that of the client package, and the badges of the README:
 * `npm run repository -- https://github.com/OWNER/NAME`. The links of the published pages are made from it, see
 * `published-page.mjs`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { page, project } from '../docs-check/pages.mjs';
import { withBadges } from './badges.mjs';
import { addressFields, CLIENT_MANIFEST, MANIFEST, manifest } from './manifest.mjs';

const [address = ''] = process.argv.slice(2);
if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+$/.test(address) || address.endsWith('.git')) {
  console.error('Usage: npm run repository -- https://github.com/OWNER/NAME');
  process.exit(1);
}
/** @param {string} path @param {ReturnType<typeof addressFields>} made */
function write(path, made) {
  const fields = Object.entries(manifest(path)).filter(([name]) => !Object.hasOwn(made, name));
  const place = fields.findIndex(([name]) => name === 'license') + 1;
  const all = [...fields.slice(0, place), ...Object.entries(made), ...fields.slice(place)];
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}
write(MANIFEST, addressFields(address));
// npm refuses the provenance of a package that names another repository, or none.
write(CLIENT_MANIFEST, addressFields(address, 'client'));
writeFileSync(join(project, 'README.md'), withBadges(page('README.md').text, address));
