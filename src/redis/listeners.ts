import { reasonOf } from '../errors.js';
import type { Reporter } from '../reporting/reporter.js';
import type { PubSubListener } from '../ports/pub-sub.js';

/** The message listeners of a transport. One that throws does not prevent the calls of the others. */
export class Listeners {
  private listeners: readonly PubSubListener[] = [];

  constructor(private readonly reporter?: Reporter) {}

  add(listener: PubSubListener): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  readonly dispatch = (channel: string, message: Buffer): void => {
    for (const listener of this.listeners) {
      try {
        listener(channel, message);
      } catch (error) {
        this.reporter?.report('listener.failed', () => `channel ${channel}: ${reasonOf(error)}`);
      }
    }
  };
}
