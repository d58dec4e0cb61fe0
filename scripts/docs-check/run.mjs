// @ts-check
/** Prints the broken links of the documentation: `npm run docs:check`. */
import { brokenLinks } from './links.mjs';
import { allPages } from './pages.mjs';

const pages = allPages();
const broken = pages.flatMap(brokenLinks);
for (const line of broken) console.log(line);
console.log(`${pages.length} pages, ${broken.length} links that lead nowhere.`);
process.exitCode = broken.length === 0 ? 0 : 1;
