import { jest } from '@jest/globals';

/** The console output while `work` runs, without the logger: ioredis warns there. */
export async function consoleNoise(work: () => Promise<unknown>): Promise<string[]> {
  const spies = (['warn', 'error', 'log'] as const).map((method) =>
    jest.spyOn(console, method).mockImplementation(() => {}),
  );
  try {
    await work();
    return spies.flatMap((spy) => spy.mock.calls.map((call) => call.join(' ')));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
