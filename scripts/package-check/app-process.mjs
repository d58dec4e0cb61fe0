// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Starts a built app and waits until it listens.
 *
 * @param {string} folder
 * @param {string} redisUrl
 * @param {string[]} nodeFlags
 */
export async function startApp(folder, redisUrl, nodeFlags) {
  const child = spawn(process.execPath, [...nodeFlags, 'dist/main.js'], {
    cwd: folder,
    env: { ...process.env, REDIS_URL: redisUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => (printed += String(chunk)));
  }
  const exited = once(child, 'exit');
  const end = Date.now() + 20_000;
  let url;
  while (!url && child.exitCode === null && Date.now() < end) {
    await sleep(20);
    url = /listening on (http:\S+)/.exec(printed)?.[1];
  }
  if (!url) {
    child.kill('SIGKILL');
    throw new Error(`the app did not start:\n${printed}`);
  }
  return {
    url,

    /** Has the app closed (it does so on SIGTERM), after which its process must end by itself. */
    async close() {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const [code, signal] = await exited;
      clearTimeout(impatience);
      if (code !== 0) {
        throw new Error(
          signal === 'SIGKILL'
            ? `the process was still there 10 s after app.close():\n${printed}`
            : `the process ended with ${code ?? signal}:\n${printed}`,
        );
      }
    },
  };
}
