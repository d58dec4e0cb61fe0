/** The span of an event, as in the W3C's Trace Context. @internal */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly flags: number;
  /** The header `tracestate`; empty: none. */
  readonly state: string;
}

/** Trace id, span id, flags, length of the state. */
const FIXED_LENGTH = 16 + 8 + 1 + 2;
/** A longer state is left out, which the W3C allows. */
const MAX_STATE_BYTES = 512;

/** @internal */
export function traceLength(trace: TraceContext | undefined): number {
  return trace === undefined ? 0 : FIXED_LENGTH + stateOf(trace).length;
}

/** Returns the offset after the trace context. @internal */
export function writeTrace(target: Buffer, start: number, trace: TraceContext | undefined): number {
  if (trace === undefined) return start;
  const state = stateOf(trace);
  target.write(trace.traceId, start, 'hex');
  target.write(trace.spanId, start + 16, 'hex');
  target.writeUInt8(trace.flags & 0xff, start + 24);
  target.writeUInt16BE(state.length, start + 25);
  target.write(state, start + FIXED_LENGTH, 'latin1');
  return start + FIXED_LENGTH + state.length;
}

/** The offset after a trace context; beyond `end` if it does not fit. @internal */
export function traceEnd(bytes: Buffer, start: number, end: number): number {
  const stateStart = start + FIXED_LENGTH;
  return stateStart > end ? stateStart : stateStart + bytes.readUInt16BE(start + 25);
}

/** Undefined if there is none before `end`, or it names no span. @internal */
export function readTrace(bytes: Buffer, start: number, end: number): TraceContext | undefined {
  const stateStart = start + FIXED_LENGTH;
  if (stateStart > end) return undefined;
  const stateEnd = stateStart + bytes.readUInt16BE(start + 25);
  if (stateEnd > end) return undefined;
  const traceId = bytes.toString('hex', start, start + 16);
  const spanId = bytes.toString('hex', start + 16, start + 24);
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const state = bytes.toString('latin1', stateStart, stateEnd);
  return { traceId, spanId, flags: bytes.readUInt8(start + 24), state };
}

/** The state is ASCII. A state that is not, or is too long, is ignored. */
function stateOf({ state }: TraceContext): string {
  return state.length <= MAX_STATE_BYTES && /^[\x20-\x7e]*$/.test(state) ? state : '';
}
