import type { TestClient } from './test-client.js';

/** The names of the events that a client received, in order of arrival. */
export function eventsOf(client: TestClient): string[] {
  return client.received.map(({ event }) => event);
}

/** Sorts values by their JSON text, for events that may arrive in any order. */
export function inAnyOrder<T>(values: Iterable<T>): T[] {
  const text = (value: T): string => JSON.stringify(value) ?? String(value);
  return [...values].sort((a, b) => text(a).localeCompare(text(b)));
}
