import type { EventGap, RedisPropagatorOptions } from '../../src/index.js';

/** The options of an instance. */
export interface InstanceConfig {
  readonly sender: number;
  readonly redis: RedisConfig;
  /** Whether its monotonic clock stands still while the process does: as that of a machine that is suspended. */
  readonly clockStops?: boolean;
  /** Options of this library that JSON can represent. */
  readonly options?: RedisPropagatorOptions;
}

export type RedisConfig =
  | { readonly url: string }
  | {
      readonly sentinels: readonly { readonly host: string; readonly port: number }[];
      readonly name: string;
      readonly username?: string;
      readonly password?: string;
    }
  | { readonly nodes: readonly { readonly host: string; readonly port: number }[] };

/** `stop` ends the sending; `report` asks for the outcomes. */
export type Command =
  | { readonly type: 'send'; readonly everyMs: number }
  | { readonly type: 'stop' }
  | { readonly type: 'report' };

export interface Report {
  readonly type: 'report';
  /** The number of the last event. */
  readonly sent: number;
  /** The numbers of events whose promises were rejected, or have not settled. */
  readonly rejected: readonly number[];
  readonly pending: number;
  readonly gaps: readonly EventGap[];
  /** Counters and log lines, to explain failures. */
  readonly notes: readonly Note[];
}

export interface Note {
  readonly at: number;
  readonly text: string;
}

export type Answer =
  { readonly type: 'started'; readonly url: string; readonly instanceId: string } | Report;

/** Emits the numbered events, and reports their outcomes. */
export function obey(
  emit: (number: number) => Promise<unknown>,
  { gaps = [], notes = () => [] }: { gaps?: readonly EventGap[]; notes?: () => Note[] } = {},
): void {
  let sent = 0;
  let pending = 0;
  let timer: NodeJS.Timeout | undefined;
  const rejected: number[] = [];
  const send = (): void => {
    const number = ++sent;
    pending++;
    emit(number)
      .catch(() => rejected.push(number))
      .finally(() => pending--);
  };
  process.on('message', (command: Command) => {
    if (command.type === 'send') timer = setInterval(send, command.everyMs);
    if (command.type === 'stop') clearInterval(timer);
    if (command.type === 'report') {
      process.send?.({ type: 'report', sent, rejected, pending, gaps, notes: notes() });
    }
  });
  process.on('disconnect', () => process.exit());
}

export function say(answer: Answer): void {
  process.send?.(answer);
}
