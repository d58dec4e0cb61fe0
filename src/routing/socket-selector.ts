import type { SendFlags } from './outgoing-event.js';

/**
 * Selects sockets of a namespace: those of the rooms (none means all), without those of the excepted rooms.
 *
 * @internal
 */
export interface SocketSelector {
  readonly namespace: string;
  readonly rooms: readonly string[];
  readonly except: readonly string[];
  /** Only sockets that are also in this room. */
  readonly within?: string | undefined;
}

/**
 * Whether a selection has a socket.
 *
 * @param isIn whether the socket is in a room
 * @param gets whether that room also counts for what is selected
 * @internal
 */
export function isSelected(
  { rooms, except, within }: Omit<SocketSelector, 'namespace'>,
  isIn: (room: string) => boolean,
  gets = isIn,
): boolean {
  return (
    (rooms.length === 0 || rooms.some(gets)) &&
    (within === undefined || isIn(within)) &&
    !except.some(isIn)
  );
}

/** An event that clients are asked to acknowledge. @internal */
export interface EventToAcknowledge extends SocketSelector, SendFlags {
  readonly data: unknown[];
  readonly timeoutMs: number;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** Reads names in the parameters of another instance's request. @throws TypeError @internal */
export function namesIn(params: unknown, name: string): string[] {
  const value = (params as Record<string, unknown> | null | undefined)?.[name];
  if (isNames(value)) return value;
  throw new TypeError(`"${name}" is no list of names`);
}

/** Reads the selector in the parameters of another instance's request. @throws TypeError @internal */
export function selectorIn(params: unknown): SocketSelector {
  const { namespace, within } = (params ?? {}) as Partial<SocketSelector>;
  if (typeof namespace !== 'string') throw new TypeError('"namespace" is no string');
  if (within !== undefined && typeof within !== 'string') {
    throw new TypeError('"within" is no string');
  }
  const names = { rooms: namesIn(params, 'rooms'), except: namesIn(params, 'except') };
  return { namespace, ...names, within };
}
