import type { RedisClient } from '../options/redis-options.js';
import { textOf } from '../text.js';
import { channelsOf, interceptCommands } from './ioredis-internals.js';

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
  return interceptCommands(client, (command, send) => {
    const name = typeof command.name === 'string' ? command.name.toLowerCase() : '';
    const sendAndRestore = (): unknown => {
      const answer = send();
      Promise.resolve(answer).then(deps.dropped, deps.dropped);
      return answer;
    };
    if (name === 'reset') {
      deps.kept('RESET');
      return sendAndRestore();
    }
    if (name !== 'unsubscribe' && name !== 'punsubscribe') return send();
    const all = channelsOf(client, name === 'unsubscribe' ? 'subscribe' : 'psubscribe');
    const given = command.args.length === 0 ? all : command.args.map(nameOf);
    // The channels of the app are unknown: the command ends all subscriptions.
    if (given === undefined) return name === 'unsubscribe' ? sendAndRestore() : send();
    const isOurs = name === 'unsubscribe' ? deps.isOurs : () => false;
    const channels = given.filter((channel) => !isOurs(channel));
    if (channels.length < given.length) deps.kept(name.toUpperCase());
    if (channels.length === 0) {
      command.resolve(all?.length ?? 0);
      return command.promise;
    }
    if (channels.length !== command.args.length) command.args = channels;
    return send();
  });
}

function nameOf(given: unknown): string {
  return Buffer.isBuffer(given) ? given.toString() : textOf(given, Infinity);
}
