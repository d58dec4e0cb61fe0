// @ts-check
/**
 * Writes the address of the repository into package.json: `npm run repository -- https://github.com/OWNER/NAME`. All
 * links to the repository are made from it: see `published-page.mjs`.
 */
import { writeFileSync } from 'node:fs';
import { addressFields, MANIFEST, manifest } from './manifest.mjs';

const [address = ''] = process.argv.slice(2);
if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+$/.test(address) || address.endsWith('.git')) {
  console.error('Usage: npm run repository -- https://github.com/OWNER/NAME');
  process.exit(1);
}
const { homepage, repository, bugs, ...rest } = manifest();
const fields = Object.entries(rest);
const place = fields.findIndex(([name]) => name === 'license') + 1;
fields.splice(place, 0, ...Object.entries(addressFields(address)));
writeFileSync(MANIFEST, `${JSON.stringify(Object.fromEntries(fields), undefined, 2)}\n`);
