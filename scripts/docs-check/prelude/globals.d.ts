import type { expect as jestExpect } from '@jest/globals';
import type { Socket } from 'socket.io-client';

// Declarations that fragments of the documentation rely on. A fragment that needs more shows it itself.
declare global {
  /** The data that a server adds to a refusal; socket.io-client has no type for it. */
  interface Error {
    data?: { code?: string; retryAfterMs?: number };
  }

  /** The connection, in client code. */
  const socket: Socket;
  /** Gets a new token, and shows the login if it has to, in client code. */
  const freshToken: () => Promise<string>;
  const savedToken: () => string;
  const loadState: () => void;
  const showBanner: (text: string, forMs: number) => void;

  /** Functions that every test runner has. */
  const describe: (title: string, cases: () => void) => void;
  const it: (title: string, test: () => void | Promise<void>) => void;
  const beforeEach: (work: () => void | Promise<void>) => void;
  const afterEach: (work: () => void | Promise<void>) => void;
  const expect: typeof jestExpect;
}
