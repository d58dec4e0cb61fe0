import { randomUUID } from 'node:crypto';
import { Instances } from '../../scripts/instances.mjs';
import { testRedisUrl } from '../../../../test/support/test-cluster.js';

export type InstanceName = 'one' | 'two';

export interface ChatAppOptions {
  /** Default: the one of all tests. */
  redisUrl?: string;
  /** Further environment variables for the server. */
  env?: Record<string, string>;
  /** How long a stopped instance stays down; `Infinity`: until `startAgain`. */
  awayMs?: number;
}

/** Two instances of examples/chat, run like in the demo: an instance that ends is started again. */
export class ChatApp {
  private constructor(private readonly instances: Instances) {}

  static async start({
    redisUrl = testRedisUrl(),
    ...options
  }: ChatAppOptions = {}): Promise<ChatApp> {
    const folder = process.env['TEST_CHAT_FOLDER'];
    if (folder === undefined) throw new Error('support/global-setup.mjs has not run');
    const prefix = `test-${randomUUID()}`;
    return new ChatApp(await Instances.start({ ...options, folder, redisUrl, prefix }));
  }

  url(name: InstanceName): string {
    return this.instances.urls[Instances.names.indexOf(name)] ?? '';
  }

  /** Kills an instance, like a crash. */
  kill(name: InstanceName): void {
    this.instances.running.get(name)?.child.kill('SIGKILL');
  }

  /** Restarts an instance that has ended, or is about to end. */
  startAgain(name: InstanceName): Promise<void> {
    return this.instances.startAgain(name);
  }

  close(): Promise<void> {
    return this.instances.stop();
  }
}
