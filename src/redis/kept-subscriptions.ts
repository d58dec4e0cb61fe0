import type { RedisClient } from '../options/redis-options.js';
import { textOf } from '../text.js';

/** A command of ioredis, in versions 5 and 6, as `sendCommand` gets it. */
interface Command {
  readonly name: unknown;
  args: unknown[];
  readonly promise: Promise<unknown>;
  resolve(answer: unknown): void;
}

type SendCommand = (this: unknown, command: Command, ...rest: unknown[]) => unknown;

interface AppClient {
  sendCommand?: SendCommand;
  /** The subscriptions known to ioredis; `false` if there are none. */
  readonly condition?: {
    readonly subscriber?: false | { channels?(kind: 'subscribe' | 'psubscribe'): string[] };
  } | null;
}

/** @internal */
export interface KeptSubscriptionsDeps {
  /** Whether this library wants a channel. */
  readonly isOurs: (channel: string) => boolean;
  /** Called when the app tried to unsubscribe channels of this library. */
  readonly kept: (command: string) => void;
  /** Called once Redis has dropped all subscriptions of the connection. */
  readonly dropped: () => void;
}

/**
 * Prevents an app that also uses its subscriber itself from ending the library's subscriptions: the app's
 * UNSUBSCRIBE is sent without them. Without arguments it means all channels of the app; ioredis would wait for the
 * reply until the last channel is gone, and take the replies to later commands for it.
 *
 * @returns a function that restores the client
 * @internal
 */
export function keepSubscriptions(client: RedisClient, deps: KeptSubscriptionsDeps): () => void {
  const target = client as unknown as AppClient;
  const own = Object.getOwnPropertyDescriptor(target, 'sendCommand');
  const { sendCommand } = target;
  // A client of another kind: only heartbeats watch its connection.
  if (typeof sendCommand !== 'function') return () => {};
  const guarded: SendCommand = function (this: unknown, command, ...rest) {
    const name = typeof command.name === 'string' ? command.name.toLowerCase() : '';
    if (name === 'reset') {
      deps.kept('RESET');
      const answer = sendCommand.call(this, command, ...rest);
      Promise.resolve(answer).then(deps.dropped, deps.dropped);
      return answer;
    }
    if (name !== 'unsubscribe' && name !== 'punsubscribe') {
      return sendCommand.call(this, command, ...rest);
    }
    const all = name === 'unsubscribe' ? heldBy(target, 'subscribe') : heldBy(target, 'psubscribe');
    const given = command.args.length === 0 ? all : command.args.map(nameOf);
    const isOurs = name === 'unsubscribe' ? deps.isOurs : () => false;
    const channels = given?.filter((channel) => !isOurs(channel));
    if (given === undefined || channels === undefined)
      return sendCommand.call(this, command, ...rest);
    if (channels.length < given.length) deps.kept(name.toUpperCase());
    if (channels.length === 0) {
      command.resolve(all?.length ?? 0);
      return command.promise;
    }
    if (channels.length !== command.args.length) command.args = channels;
    return sendCommand.call(this, command, ...rest);
  };
  target.sendCommand = guarded;
  return () => {
    // Not if other code has wrapped it since.
    if (target.sendCommand !== guarded) return;
    if (own === undefined) delete target.sendCommand;
    else Object.defineProperty(target, 'sendCommand', own);
  };
}

/** Undefined if it is unknown. */
function heldBy({ condition }: AppClient, kind: 'subscribe' | 'psubscribe'): string[] | undefined {
  const { subscriber } = condition ?? {};
  if (subscriber === false) return [];
  return typeof subscriber?.channels === 'function' ? subscriber.channels(kind) : undefined;
}

function nameOf(given: unknown): string {
  return Buffer.isBuffer(given) ? given.toString() : textOf(given, Infinity);
}
