const { default: Sequencer } = require('@jest/test-sequencer');

/** Test files that take far longer than files of their size. */
const SLOW = [
  'presence/model-races.spec.ts',
  'faults/gaps.spec.ts',
  'examples-chat/instances.spec.ts',
  'cluster/lost-instances.spec.ts',
  'redis-mistakes.spec.ts',
  'presence/redis-faults.spec.ts',
  'load/rolling-restart.spec.ts',
  'faults/half-open.spec.ts',
  'presence/processes.spec.ts',
  'presence/model.spec.ts',
  'redis/subscriptions-in-bulk.spec.ts',
];

const isSlow = ({ path }) => SLOW.some((name) => path.endsWith(`/${name}`));

/** Starts slow files first on a fresh machine, too, where Jest knows the sizes of the files only. */
module.exports = class SlowestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
};
