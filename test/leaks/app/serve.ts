/** The functions that the test can call in a process, by name. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Calls = Record<string, (...args: any[]) => unknown>;

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

export type Answer = { readonly id: number } & (
  { readonly value: unknown } | { readonly error: string }
);

/**
 * Serves the test over IPC until it says `disconnect`. After that only the app itself could keep this process
 * alive.
 */
export function serve(calls: Calls): void {
  process.on('message', ({ id, name, args }: Call) => {
    if (name === 'disconnect') {
      process.disconnect();
      return;
    }
    const answered = async (): Promise<Answer> => ({ id, value: await calls[name]?.(...args) });
    void answered()
      .catch((error: unknown): Answer => ({ id, error: String(error) }))
      .then((answer) => process.send?.(answer));
  });
  process.send?.('ready');
}
