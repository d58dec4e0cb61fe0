/** The statuses that were set, all different, and their expected fate. */
export class StatusFacts {
  private readonly last = new Map<string, { status: string; certain: boolean }>();
  private readonly heardOf = new Map<string, number>();
  private readonly set_ = new Set<string>();
  private count = 0;

  async set(user: string, set: (status: string) => Promise<boolean>): Promise<void> {
    const status = `status ${this.count++}`;
    const entry = { status, certain: false };
    this.last.set(user, entry);
    try {
      entry.certain = await set(status);
      if (entry.certain) this.set_.add(status);
    } catch {
      // It is unknown whether the status was set.
    }
  }

  heard(_: string, status: string | null): void {
    if (status !== null) this.heardOf.set(status, (this.heardOf.get(status) ?? 0) + 1);
  }

  /** The status ends when its user goes offline. */
  offline(user: string): void {
    this.last.delete(user);
  }

  /** The status ends when Redis loses its data. */
  lost(): void {
    this.last.clear();
  }

  /** @param actual the current status of each user, as reported */
  complaintsAbout(
    online: ReadonlySet<string>,
    actual: ReadonlyMap<string, string | null>,
  ): string[] {
    const wrong = [...actual].flatMap(([user, status]) => {
      const last = this.last.get(user);
      if (!online.has(user)) return status === null ? [] : [`${user} is offline and ${status}`];
      if (last?.certain !== true || status === last.status) return [];
      return [`${user} is ${String(status)}, not ${last.status}`];
    });
    const twice = [...this.heardOf].filter(([, times]) => times > 1).map(([status]) => status);
    const unheard = [...this.set_].filter((status) => !this.heardOf.has(status));
    return [
      ...wrong,
      ...twice.map((status) => `${status} was reported twice`),
      ...unheard.map((status) => `${status} was not reported`),
    ];
  }
}
