// @ts-check

/**
 * The welcome text: what to look at and what to try.
 *
 * @param {string[]} urls of the instances
 * @param {string | null} redisCli the redis-cli command for this Redis; null: there is none
 * @param {string} prefix of the Redis channels
 */
export function welcome([a = '', b = ''], redisCli, prefix) {
  const publish = `
From outside:
  ${redisCli} PUBLISH ${prefix}:/:all '{"event":"tick","data":1}'
`;
  return `Two instances of the app are running. Open a tab on each, both as alice:

  A  ${a}/#alice
  B  ${b}/#alice

Press a button in one tab and look at the other. Try a third tab as bob (${a}/#bob), or as
nobody (${a}), and see what they do not get.

With an HTTP request:
  curl -X POST ${b}/notifications/all -H 'content-type: application/json' -d '{"text":"hello"}'
${redisCli === null ? '' : publish}
Ctrl-C ends it all.
`;
}
