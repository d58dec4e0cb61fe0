import type { User } from '../../../shared/model.js';

/** `alice` logs in, Alice is shown. */
export function nameOf({ name }: User): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false });
}

/** A stable number from a name. */
export function sumOf(text: string): number {
  return Array.from(text, (letter) => letter.charCodeAt(0)).reduce((a, b) => a + b, 0);
}

/** `4 min`, `1 h 12 min`. */
export function durationOf(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
