// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Starts a built app and waits until it reports that it is ready.
 *
 * @param {string} folder
 * @param {object} options
 * @param {Record<string, string>} options.env
 * @param {string[]} [options.flags] of Node
 * @param {string} [options.main] the built file to run
 * @param {RegExp} [options.says] the line that it prints then; the first group is the URL, if there is one
 */
export async function startApp(
  folder,
  { env, flags = [], main = 'dist/main.js', says = /listening on (http:\S+)/i },
) {
  const child = spawn(process.execPath, [...flags, main], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => (printed += String(chunk)));
  }
  const exited = once(child, 'exit');
  const end = Date.now() + 60_000;
  let found;
  while (!found && child.exitCode === null && Date.now() < end) {
    await sleep(20);
    found = says.exec(printed);
  }
  if (!found) {
    child.kill('SIGKILL');
    throw new Error(`the app did not start:\n${printed}`);
  }
  return {
    /** The URL; '' for an app without a port. */
    url: found[1]?.replace('[::1]', 'localhost') ?? '',

    /** The output so far. */
    printed: () => printed,

    /**
     * Closes the app by SIGTERM, after which its process must end by itself. Nest's own shutdown hooks end it with
     * the same signal then.
     *
     * @param {'exit' | 'signal'} how
     */
    async close(how = 'exit') {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const [code, signal] = await exited;
      clearTimeout(impatience);
      if (how === 'exit' ? code === 0 : signal === 'SIGTERM') return;
      throw new Error(
        signal === 'SIGKILL'
          ? `the process was still there 10 s after app.close():\n${printed}`
          : `the process ended with ${code ?? signal}:\n${printed}`,
      );
    },
  };
}
