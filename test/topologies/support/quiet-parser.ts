import { afterAll, beforeAll, jest } from '@jest/globals';

/**
 * The parser of ioredis 5 shrinks its buffers in an interval, which runs for seconds after large messages and after
 * the end of its connection. Jest should not wait for it.
 */
export function quietParser(): void {
  const { setInterval: original } = globalThis;
  beforeAll(() => {
    jest
      .spyOn(globalThis, 'setInterval')
      .mockImplementation((...args: Parameters<typeof setInterval>) => original(...args).unref());
  });
  afterAll(() => {
    jest.restoreAllMocks();
  });
}
