// @ts-check
export const BINARY_BYTES = 64 * 1024;

/**
 * @param {number | 'binary'} bytes
 * @returns {unknown}
 */
export function payloadOf(bytes) {
  if (bytes === 'binary') return Buffer.alloc(BINARY_BYTES, 7);
  const order = { id: '4711', state: 'shipped', note: '' };
  order.note = 'x'.repeat(Math.max(0, bytes - JSON.stringify(order).length));
  return order;
}
