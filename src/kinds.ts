import { types } from 'node:util';

/**
 * Determines what a value is, even if it comes from another realm, such as a `vm` context or a test in Jest: each
 * realm has its own `Error`, `Date` and so on, and `instanceof` only recognises those of its own realm.
 */

/** Includes an `AbortError` of `fetch`, which is a DOMException. @internal */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error || tagOf(value) === 'DOMException';
}

/** Includes Buffers. @internal */
export const isBytes: (value: unknown) => value is Uint8Array = types.isUint8Array;

/** Includes both kinds, shared or not. @internal */
export const isArrayBuffer: (value: unknown) => value is ArrayBufferLike = types.isAnyArrayBuffer;

/** @internal */
export const isDate: (value: unknown) => value is Date = types.isDate;

/** @internal */
export const isMap: (value: unknown) => value is Map<unknown, unknown> = types.isMap;

/** @internal */
export const isSet: (value: unknown) => value is Set<unknown> = types.isSet;

/** @internal */
export const isPromise: (value: unknown) => value is Promise<unknown> = types.isPromise;

/** @internal */
export function isUrl(value: unknown): value is URL {
  return tagOf(value) === 'URL';
}

/** Whether a value is a plain object, such as `{}`, and not an instance of a class. @internal */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
