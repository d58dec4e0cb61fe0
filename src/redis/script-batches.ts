import { isError } from '../kinds.js';
import { redisScript, type RedisScript, type RedisScripts } from './redis-scripts.js';
import { nextTick } from '../reporting/timers.js';

/** Redis does nothing else while a script runs. */
const MAX_CALLS = 64;
const MAX_ARGUMENTS = 1_000;

type Argument = string | number;

interface Call {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs the same script for each of several calls, which can fail separately. ARGV: the number of arguments of each
 * call, then the arguments.
 */
function forEach({ text }: RedisScript, keysEach: number): RedisScript {
  return redisScript(`
local function one(KEYS, ARGV)
${text}
end
local replies, at = {}, 1
for i = 1, #KEYS / ${keysEach} do
  local count = tonumber(ARGV[at])
  local keys = {unpack(KEYS, (i - 1) * ${keysEach} + 1, i * ${keysEach})}
  local ok, reply = pcall(one, keys, {unpack(ARGV, at + 1, at + count)})
  if not ok then reply = {err = type(reply) == 'table' and reply.err or tostring(reply)} end
  -- A Lua array ends at the first nil.
  replies[i] = reply or false
  at = at + 1 + count
end
return replies
`);
}

/**
 * Sends all calls of one script in one turn of the event loop as one. A separate call costs more in the operating
 * system, in ioredis and in Redis than its work. The keys may be in any slot, so this is not for a Cluster.
 *
 * @internal
 */
export class ScriptBatches {
  private readonly many: RedisScript;
  private waiting: Call[] = [];

  constructor(
    private readonly scripts: RedisScripts,
    private readonly script: RedisScript,
    private readonly keysEach: number,
  ) {
    this.many = forEach(script, keysEach);
  }

  /** @throws PropagatorError as {@link RedisScripts.run} */
  run(keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) nextTick(reject, () => this.send());
      this.waiting.push({ keys, args, resolve, reject });
    });
  }

  private send(): void {
    let batch: Call[] = [];
    let argumentCount = 0;
    for (const call of this.waiting.splice(0)) {
      argumentCount += call.args.length;
      if (batch.length === MAX_CALLS || (batch.length > 0 && argumentCount > MAX_ARGUMENTS)) {
        void this.sendBatch(batch);
        batch = [];
        argumentCount = call.args.length;
      }
      batch.push(call);
    }
    void this.sendBatch(batch);
  }

  private async sendBatch(batch: readonly Call[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    try {
      if (batch.length === 1) {
        first.resolve(await this.scripts.run(this.script, first.keys, first.args));
        return;
      }
      const args = batch.flatMap((call) => [call.args.length, ...call.args]);
      const keys = batch.flatMap((call) => call.keys);
      const replies = (await this.scripts.run(this.many, keys, args)) as unknown[];
      for (const [i, call] of batch.entries()) {
        const reply = replies[i];
        if (isError(reply)) call.reject(this.scripts.failure(reply));
        else call.resolve(reply);
      }
    } catch (error) {
      for (const call of batch) call.reject(error);
    }
  }
}
