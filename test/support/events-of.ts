import type { TestClient } from './test-client.js';

/** The names of the events that a client got, in the order of arrival. */
export function eventsOf(client: TestClient): string[] {
  return client.received.map(({ event }) => event);
}

/** For what arrives in any order: sorted by what it looks like as text. */
export function inAnyOrder<T>(values: Iterable<T>): T[] {
  const text = (value: T): string => JSON.stringify(value) ?? String(value);
  return [...values].sort((a, b) => text(a).localeCompare(text(b)));
}
