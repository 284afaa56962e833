/** What happened so far, and promises for what has not happened yet. */
export class EventLog<T> {
  readonly items: T[] = []
  private waiting: { matches: (item: T) => boolean; resolve: (item: T) => void }[] = []

  add(item: T): void {
    this.items.push(item)
    const ready = this.waiting.filter((waiter) => waiter.matches(item))
    this.waiting = this.waiting.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.resolve(item)
  }

  /** The first item that matches, now or later. The test's own timeout ends a wait for what never comes. */
  async first(matches: (item: T) => boolean = () => true): Promise<T> {
    const known = this.items.find(matches)
    if (known !== undefined) return known
    return await new Promise<T>((resolve) => this.waiting.push({ matches, resolve }))
  }
}
