// @ts-check
// npm run bench [-- --quick] [--only name,name] [--json] [--check]: see README.md here.
import { chosen } from './arguments.mjs';
import { installPeers } from './install.mjs';

const choice = chosen(process.argv.slice(2));
installPeers();
const { runAll } = await import('./run-all.mjs');
process.exitCode = await runAll(choice);
