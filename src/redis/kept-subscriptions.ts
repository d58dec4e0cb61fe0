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
  /** What ioredis is subscribed to; `false` while it is nothing. */
  readonly condition?: {
    readonly subscriber?: false | { channels?(kind: 'subscribe' | 'psubscribe'): string[] };
  } | null;
}

/** @internal */
export interface KeptSubscriptionsDeps {
  /** Whether this library wants a channel. */
  readonly isOurs: (channel: string) => boolean;
  /** Called where the app wanted to unsubscribe from channels of this library. */
  readonly kept: (command: string) => void;
  /** Called once Redis has dropped all subscriptions of the connection. */
  readonly dropped: () => void;
}

/**
 * Keeps an app that uses its subscriber itself, beside this library, from ending the library's subscriptions: its UNSUBSCRIBE
 * is sent without them. Without arguments it means all channels of the app; ioredis would wait for the answer to that until the
 * last channel has gone, and take the answers to later commands for it.
 *
 * @returns what leaves the client as it was
 * @internal
 */
export function keepSubscriptions(client: RedisClient, deps: KeptSubscriptionsDeps): () => void {
  const target = client as unknown as AppClient;
  const own = Object.getOwnPropertyDescriptor(target, 'sendCommand');
  const { sendCommand } = target;
  // A client of another kind: its connection is looked after by heartbeats alone.
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
    // Not where somebody else has put something in front of it.
    if (target.sendCommand !== guarded) return;
    if (own === undefined) delete target.sendCommand;
    else Object.defineProperty(target, 'sendCommand', own);
  };
}

/** Undefined where nobody knows. */
function heldBy({ condition }: AppClient, kind: 'subscribe' | 'psubscribe'): string[] | undefined {
  const { subscriber } = condition ?? {};
  if (subscriber === false) return [];
  return typeof subscriber?.channels === 'function' ? subscriber.channels(kind) : undefined;
}

function nameOf(given: unknown): string {
  return Buffer.isBuffer(given) ? given.toString() : textOf(given, Infinity);
}
