/** Counts the numbered messages that one client has seen of each sender. */
export class Tally {
  private readonly seen = new Map<string, Set<number>>();
  private readonly last = new Map<string, number>();
  /** Messages that were shown more than once. */
  twice = 0;

  /** @param run messages of an earlier visit in the same room do not count */
  constructor(private readonly run: string) {}

  text(sender: string, number: number): string {
    return `${this.run} ${sender} ${number}`;
  }

  /** @param texts all messages that the client shows */
  read(texts: readonly string[]): void {
    const shown = new Set<string>();
    let twice = 0;
    for (const text of texts) {
      const [run, sender = '', number] = text.split(' ');
      if (run !== this.run) continue;
      if (shown.has(text)) twice += 1;
      shown.add(text);
      const numbers = this.seen.get(sender) ?? new Set();
      this.seen.set(sender, numbers.add(Number(number)));
      this.last.set(sender, Math.max(this.last.get(sender) ?? 0, Number(number)));
    }
    this.twice = Math.max(this.twice, twice);
  }

  get received(): number {
    return sum([...this.seen.values()].map((numbers) => numbers.size));
  }

  /** Messages that are not here although a later one of the same sender is. */
  get missing(): number {
    return sum([...this.last.values()]) - this.received;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
