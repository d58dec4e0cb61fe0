// @ts-check

/**
 * Users with one client each, all on the second instance. Returns their names. Code that runs during the bench is
 * compiled afterwards.
 *
 * @param {import('../measure/setting.mjs').Setting[]} settings
 * @param {number} count
 * @param {number} warmUp number of events
 */
export async function connectUsers(settings, count, warmUp) {
  const names = Array.from({ length: count }, (_, i) => `user-${i}`);
  const connect = async (/** @type {import('../measure/setting.mjs').Setting} */ setting) => {
    await setting.connect(names.map((user) => ({ instance: 1, user })));
    await setting.settle('user', names);
  };
  await Promise.all(settings.map(connect));
  for (const setting of settings) {
    await setting.run({ to: 'user', names, count: warmUp, burst: 20 }, 1);
  }
  return names;
}

export const USERS = 20;
export const WARM_UP = { full: 30_000, quick: 6_000, check: 20 };
