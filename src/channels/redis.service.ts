import { Observable, type Subscriber } from 'rxjs';
import { PropagatorError, reasonOf } from '../errors.js';
import { isArrayBuffer } from '../kinds.js';
import { shown } from '../options/checks.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import { textOf } from '../text.js';
import type { ChannelHandle, Channels } from './channels.js';
import type { PubSub, PubSubState } from '../ports/pub-sub.js';

/** A channel of {@link RedisService.fromEvent}, subscribed once for all subscribers. */
interface Stream {
  readonly readers: Set<Subscriber<unknown>>;
  readonly handle: ChannelHandle;
}

/**
 * Redis Pub/Sub as Observables, for an app's own channels. Channel names are used unchanged, without the prefix of
 * this library. Inject it anywhere.
 */
export class RedisService {
  private readonly streams = new Map<string, Stream>();

  /** @internal */
  constructor(
    private readonly pubSub: PubSub,
    private readonly sharedChannels: Channels,
    private readonly reporter: Reporter,
    private readonly readiness: Readiness,
  ) {}

  get state(): PubSubState {
    return this.pubSub.state;
  }

  /**
   * The state of the connection: emits the current one at once, then each change, and completes when the app
   * closes.
   */
  get state$(): Observable<PubSubState> {
    return this.pubSub.state$;
  }

  /**
   * The messages of a channel, parsed as JSON. The channel is subscribed while the Observable has subscribers. A
   * message is parsed once: all subscribers get the same value, so do not change it. A message that is not JSON is
   * counted, logged (at most once a second) and skipped. The Observable never errors.
   *
   * @throws PropagatorError `target.invalid`
   */
  fromEvent<T>(channel: string): Observable<T> {
    checkChannel(channel);
    return new Observable<T>((subscriber) => {
      let stream = this.streams.get(channel);
      if (stream === undefined) {
        stream = this.open(channel);
        this.streams.set(channel, stream);
      }
      const { readers, handle } = stream;
      readers.add(subscriber);
      return () => {
        readers.delete(subscriber);
        if (readers.size > 0) return;
        this.streams.delete(channel);
        handle.release();
      };
    });
  }

  /**
   * Publishes a value as JSON (bytes unchanged). The promise may be ignored: a failure is counted and logged, and
   * never becomes an unhandled rejection.
   *
   * @returns how many instances were subscribed to the channel
   * @throws PropagatorError `app.not-started`, `target.invalid`, `message.unserialisable`, `redis.unavailable`,
   * `redis.timeout`, `redis.permission`, `redis.command-failed`, `redis.closed`
   */
  publish(channel: string, value: unknown): Promise<number> {
    const published = this.encodeAndPublish(channel, value);
    published.catch((error: unknown) => {
      this.reporter.report(
        'publish.failed',
        () => `channel ${textOf(channel)}: ${reasonOf(error)}`,
      );
    });
    return published;
  }

  private open(channel: string): Stream {
    const readers = new Set<Subscriber<unknown>>();
    const handle = this.sharedChannels.acquire(channel, (message) => {
      let value: unknown;
      try {
        value = JSON.parse(message.toString('utf8'));
      } catch (error) {
        this.reporter.report(
          'message.not-json',
          () => `channel ${channel}: ${reasonOf(error)}; skipped`,
        );
        return;
      }
      // A copy, so that a subscriber that comes because of this message does not get it.
      const present = Array.from(readers);
      for (const reader of present) reader.next(value);
    });
    return { readers, handle };
  }

  private async encodeAndPublish(channel: string, value: unknown): Promise<number> {
    checkChannel(channel);
    const message = encoded(channel, value);
    if (!this.readiness.hasBegun) throw PropagatorError.of('app.not-started', []);
    return this.pubSub.publish(channel, message);
  }
}

/** Room for a prefix, a namespace and a room or user, each as long as it may be by default, in UTF-8. */
const MAX_CHANNEL_BYTES = 1_024;

/** @throws PropagatorError `target.invalid` */
function checkChannel(channel: unknown): asserts channel is string {
  if (typeof channel === 'string' && channel !== '') {
    // The second one counts bytes, of text that cannot be huge.
    if (channel.length <= MAX_CHANNEL_BYTES && Buffer.byteLength(channel) <= MAX_CHANNEL_BYTES) {
      return;
    }
  }
  const remedy = `Pass a non-empty string of at most ${MAX_CHANNEL_BYTES} bytes.`;
  throw PropagatorError.of('target.invalid', ['channel', shown(channel), remedy]);
}

function encoded(channel: string, value: unknown): Buffer {
  // Copies: a transport may write the bytes later, and the app may change its own meanwhile.
  if (isArrayBuffer(value)) return Buffer.from(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
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
