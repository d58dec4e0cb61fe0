/**
 * The URLs of the instances, and which of them this tab uses. Any of them can serve every request, so a silent one
 * is replaced by the next.
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

  /** The known instances. A known one is kept, because it may come back. */
  learn(urls: readonly string[]): void {
    this.list = [...new Set([...this.list, ...urls])].sort();
  }

  /** The name that an instance reports; null until it is known. */
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

  /** Moves on to the next one, in a circle. */
  next(): string {
    this.here = this.list[(this.list.indexOf(this.here) + 1) % this.list.length] ?? this.here;
    return this.here;
  }
}
