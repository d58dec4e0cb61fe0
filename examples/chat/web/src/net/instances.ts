/**
 * Where the instances of the app are, and which of them this tab uses. Any of them can answer
 * everything, so whoever finds one silent goes on to the next.
 */
export class Instances {
  private list: string[];
  private readonly names = new Map<string, string>();

  constructor(private here: string) {
    this.list = [here];
  }

  get current(): string {
    return this.here;
  }

  get all(): readonly string[] {
    return this.list;
  }

  /** Those that have come to be known; one that was known stays, it may come back. */
  learn(urls: readonly string[]): void {
    this.list = [...new Set([...this.list, ...urls])].sort();
  }

  /** What an instance calls itself; null until that is known. */
  nameOf(url: string): string | null {
    return this.names.get(url) ?? null;
  }

  nameIs(url: string, name: string): void {
    this.names.set(url, name);
  }

  use(url: string): void {
    this.learn([url]);
    this.here = url;
  }

  /** Goes on to the next one, round and round. */
  next(): string {
    this.here = this.list[(this.list.indexOf(this.here) + 1) % this.list.length] ?? this.here;
    return this.here;
  }
}
