import { Observable } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import { isArrayBuffer } from '../kinds.js';
import type { Reporter } from '../reporting/reporter.js';
import type { ChannelSubscriptions } from './channel-subscriptions.js';
import type { PubSub, PubSubState } from '../ports/pub-sub.js';

/**
 * Redis Pub/Sub as Observables, for an app's own channels. Channel names are taken as they are, without the
 * prefix of this library. Inject it anywhere.
 */
export class RedisService {
  /** @internal */
  constructor(
    private readonly pubSub: PubSub,
    private readonly subscriptions: ChannelSubscriptions,
    private readonly reporter: Reporter,
  ) {}

  get state(): PubSubState {
    return this.pubSub.state;
  }

  /** The state of the connection: the current one at once, then each change; completes when the app closes. */
  get state$(): Observable<PubSubState> {
    return this.pubSub.state$;
  }

  /**
   * The messages of a channel, parsed as JSON. The channel is subscribed while somebody listens. A message that is
   * no JSON is counted, logged (at most once a second) and skipped; the stream lives on. It never errors.
   */
  fromEvent<T>(channel: string): Observable<T> {
    return new Observable<T>((subscriber) => {
      const subscription = this.subscriptions.acquire(channel, (message) => {
        let value: T;
        try {
          value = JSON.parse(message.toString('utf8')) as T;
        } catch (error) {
          this.reporter.report(
            'message.not-json',
            () => `channel ${channel}: ${reasonOf(error)}; skipped`,
          );
          return;
        }
        subscriber.next(value);
      });
      return () => subscription.release();
    });
  }

  /**
   * Publishes a value as JSON (bytes go as they are). The promise may be left unawaited: a failure is counted and
   * logged, and never an unhandled rejection.
   *
   * @returns how many instances were subscribed to the channel
   * @throws PropagatorError `message.unserialisable`, `redis.unavailable`, `redis.timeout`, `redis.permission`,
   * `redis.command-failed`, `redis.closed`
   */
  publish(channel: string, value: unknown): Promise<number> {
    const published = this.encodeAndPublish(channel, value);
    published.catch((error: unknown) => {
      this.reporter.report('publish.failed', () => `channel ${channel}: ${reasonOf(error)}`);
    });
    return published;
  }

  private async encodeAndPublish(channel: string, value: unknown): Promise<number> {
    return this.pubSub.publish(channel, encoded(channel, value));
  }
}

function encoded(channel: string, value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (isArrayBuffer(value)) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw PropagatorError.of('message.unserialisable', [channel, reasonOf(error)], error);
  }
  if (json === undefined) {
    throw PropagatorError.of('message.unserialisable', [channel, `${typeof value} is not JSON`]);
  }
  return Buffer.from(json);
}
