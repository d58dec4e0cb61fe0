// @ts-check
import { withSettings } from '../measure/settings.mjs';
import { summary } from '../measure/statistics.mjs';
import { ratioOf, tableOf } from '../measure/table.mjs';

const SIZES = {
  full: { messages: 3_000, rounds: 9, warmUp: 20_000, starts: 3 },
  quick: { messages: 2_000, rounds: 5, warmUp: 5_000, starts: 1 },
  check: { messages: 40, rounds: 1, warmUp: 40, starts: 1 },
};
const CLIENTS = 20;
const AIM = 5;
const MODES = {
  none: 'no interceptor',
  idle: 'an interceptor that does nothing',
  'by-hand': 'propagateEvent in the handler',
  interceptor: 'RedisPropagatorInterceptor',
};
/** @type {[name: string, message: string, base: keyof typeof MODES][]} */
const CASES = [
  ['acknowledgement', '421["ask"]', 'none'],
  ['event for others too', '42["say"]', 'by-hand'],
];

/** The cost of the interceptor. @type {import('./all.mjs').Scenario} */
export const interceptor = {
  name: 'interceptor',
  async run(bench) {
    const { messages, rounds, warmUp, starts } = SIZES[bench.size];
    const table = tableOf(
      'interceptor',
      'A message that a handler of a gateway answers',
      'CPU µs per message, instance and Redis',
      'An acknowledgement reaches only the calling client. An event also reaches the other sockets of the user; that ' +
        'case compares the interceptor with a handler that calls `propagateEvent` itself.',
    );
    const entries = Object.entries(MODES).map(([id, label]) => ({
      id,
      label,
      file: 'interceptor-app.mjs',
      env: { MODE: id },
      socketIo: true,
      kind: /** @type {const} */ ('variant'),
    }));
    /** @type {Map<string, number[]>} */
    const found = new Map();
    const of = (/** @type {string} */ name, /** @type {string} */ mode) => {
      const key = `${name} ${mode}`;
      const values = found.get(key) ?? [];
      found.set(key, values);
      return values;
    };
    // Two equal processes differ in speed by some µs, so each is started several times.
    for (let start = 0; start < starts; start++) {
      await withSettings(bench, entries, 1, async (settings) => {
        for (const setting of settings) {
          await setting.connect(
            Array.from({ length: CLIENTS }, (_, i) => ({ instance: 0, user: `asking-${i}` })),
          );
        }
        for (const [name, message] of CASES) {
          const ask = async (
            /** @type {typeof settings[number]} */ setting,
            /** @type {number} */ count,
          ) => {
            setting.sent += count;
            await bench.clients.call('ask', setting.group, message, count, 10);
          };
          for (const setting of settings) await ask(setting, warmUp);
          for (let round = 0; round < rounds; round++) {
            for (const setting of settings) {
              const { total } = await setting.measured(() => ask(setting, messages));
              of(name, setting.entry.id).push(total / messages);
            }
          }
        }
      });
    }
    for (const [name, , base] of CASES) {
      for (const { id, label, kind } of entries) {
        table.rows.push({
          case: name,
          contestant: { id, label, kind },
          value: summary(of(name, id)),
        });
      }
      const added = (/** @type {keyof typeof MODES} */ id) => {
        const without = of(name, id);
        return summary(of(name, 'interceptor').map((value, i) => value - (without[i] ?? NaN)));
      };
      table.ratios.push(ratioOf(name, `µs more than with ${MODES[base]}`, added(base), AIM));
      if (base === 'none') {
        table.ratios.push(ratioOf(name, `µs more than with ${MODES.idle}`, added('idle')));
      }
    }
    return [table];
  },
};
