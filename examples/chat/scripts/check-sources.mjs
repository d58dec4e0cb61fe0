// @ts-check
/** Lints all sources of the chat and checks their types: `npm run check`. */
import { fileURLToPath } from 'node:url';
import { run } from '../../../scripts/demo/commands.mjs';
import { messageOf } from '../../../scripts/thrown.mjs';
import { prepareChat } from './prepare.mjs';

const example = fileURLToPath(new URL('..', import.meta.url));

await step('lint', () => npmRun('lint', example));
await step('types of the scripts and tests', () => npmRun('typecheck:clone', example));
// The packages of the app are installed only in the copy that the demo runs.
await step('types of the server and the page', async () =>
  npmRun('typecheck', await prepareChat()),
);

/**
 * @param {string} script
 * @param {string} folder
 */
function npmRun(script, folder) {
  return run('npm', ['run', script, '--prefix', folder]);
}

/**
 * Reports the outcome. A failure does not stop the other steps.
 *
 * @param {string} title
 * @param {() => Promise<void>} work
 */
async function step(title, work) {
  try {
    await work();
    console.log(`ok      ${title}`);
  } catch (error) {
    console.log(`FAILED  ${title}\n${messageOf(error)}`);
    process.exitCode = 1;
  }
}
