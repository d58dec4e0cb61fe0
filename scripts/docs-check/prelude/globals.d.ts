import type { expect as jestExpect } from '@jest/globals';
import type { Socket } from 'socket.io-client';

// What fragments of the documentation take for granted. Whoever needs more shows it in the fragment.
declare global {
  /** What a server adds to a refusal; socket.io-client does not type it. */
  interface Error {
    data?: { code?: string; retryAfterMs?: number };
  }

  /** In code of clients: their connection. */
  const socket: Socket;
  /** In code of clients: asks their own server for a token. */
  const freshToken: () => Promise<string>;
  const askForLogin: () => string;
  const showBanner: (text: string, forMs: number) => void;

  /** Of the test runner, whichever it is. */
  const describe: (title: string, cases: () => void) => void;
  const it: (title: string, test: () => void | Promise<void>) => void;
  const beforeEach: (work: () => void | Promise<void>) => void;
  const afterEach: (work: () => void | Promise<void>) => void;
  const expect: typeof jestExpect;
}
