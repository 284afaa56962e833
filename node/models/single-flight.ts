/** Concurrent calls with one key share one run of the action: one fetch serves all who wait. */
export class SingleFlight<T> {
  private readonly running = new Map<string, Promise<T>>()

  run(key: string, action: () => Promise<T>): Promise<T> {
    const current = this.running.get(key)
    if (current !== undefined) return current
    const started = action().finally(() => this.running.delete(key))
    this.running.set(key, started)
    return started
  }

  has(key: string): boolean {
    return this.running.has(key)
  }

  get size(): number {
    return this.running.size
  }

  /** Resolves when everything that runs now has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.running.values()])
  }
}
