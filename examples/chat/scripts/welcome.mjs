// @ts-check
import { AWAY_MS } from './instances.mjs';

/**
 * The welcome text: what to look at and what to try.
 *
 * @param {string[]} urls of the instances
 * @param {string | null} redisUrl null if REDIS_URL names it, because it may contain a password
 * @param {string} cli the redis-cli command
 * @param {string} publish the path of outside/publish.sh
 */
export function welcome([one = '', two = ''], redisUrl, cli, publish) {
  const env = `${redisUrl === null ? '' : `REDIS_URL=${redisUrl} `}${cli === 'redis-cli' ? '' : `REDIS_CLI=${cli} `}`;
  return `
Two instances of the chat are running:

  one  ${one}
  two  ${two}

Open a tab on each: log in as alice on one and as bob on two. The password is "demo".

  - Write in the lobby, and see it in the other tab.
  - Open a second tab as alice on the other instance: both show the same.
  - Order something for somebody who is online, and for somebody who is not.
  - Stop an instance. Its tabs move to the other one, and nothing is lost. ${AWAY_MS / 1000} seconds later it is back.

Or watch two clients that send by themselves, kill an instance, and count what is missing:

  ${one}/playground.html

From outside the app:

  ${env}${publish} lobby 'Hello from a script'

Ctrl-C ends it all.
`;
}
