import { afterAll, beforeAll, jest } from '@jest/globals';

/**
 * The parser of ioredis 5 shrinks its buffers in an interval, after large messages for seconds after its connection
 * is gone: nothing that Jest should wait for.
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
