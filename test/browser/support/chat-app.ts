import { randomUUID } from 'node:crypto';
import { Instances } from '../../../scripts/demo-chat/instances.mjs';
import { testRedisUrl } from '../../support/test-cluster.js';

export type InstanceName = 'one' | 'two';

export interface ChatAppOptions {
  /** Default: the one of all tests. */
  redisUrl?: string;
  /** What else the server reads from its environment. */
  env?: Record<string, string>;
  /** How long one that has ended stays away; `Infinity`: until `startAgain`. */
  awayMs?: number;
}

/** Two instances of examples/chat, as the demo runs them: one that ends is started again. */
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

  /** Ends an instance at once, as a crash would. */
  kill(name: InstanceName): void {
    this.instances.running.get(name)?.child.kill('SIGKILL');
  }

  /** Starts an instance again that has ended, or is about to. */
  startAgain(name: InstanceName): Promise<void> {
    return this.instances.startAgain(name);
  }

  close(): Promise<void> {
    return this.instances.stop();
  }
}
