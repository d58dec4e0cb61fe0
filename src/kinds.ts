import { types } from 'node:util';

/**
 * What kind of value something is, also where it comes from another realm, such as a `vm` context or a test in Jest: each
 * realm has an `Error`, a `Date` and so on of its own, and `instanceof` knows those of this one only.
 */

/** An `AbortError` of `fetch` is one, too: a DOMException. @internal */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error || tagOf(value) === 'DOMException';
}

/** A Buffer is one, too. @internal */
export const isBytes: (value: unknown) => value is Uint8Array = types.isUint8Array;

/** Of either kind, shared or not. @internal */
export const isArrayBuffer: (value: unknown) => value is ArrayBufferLike = types.isAnyArrayBuffer;

/** @internal */
export const isDate: (value: unknown) => value is Date = types.isDate;

/** @internal */
export const isPromise: (value: unknown) => value is Promise<unknown> = types.isPromise;

/** @internal */
export function isUrl(value: unknown): value is URL {
  return tagOf(value) === 'URL';
}

/** Whether a value is an object as `{}` makes them, and nothing with a class of its own. @internal */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
