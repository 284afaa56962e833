/** A StateStore in memory: what a node keeps, for tests that start it again. Held by test/conformance/state-store.suite.ts. */
import type { StateStore } from '../../node/ports/index.ts'

export class MemoryState implements StateStore {
  /** The kept values, for tests that look or tamper. */
  readonly records = new Map<string, unknown>()

  async get(key: string): Promise<unknown> {
    return structuredClone(this.records.get(key) ?? null)
  }

  async put(key: string, value: unknown): Promise<void> {
    this.records.set(key, structuredClone(value))
  }

  async delete(key: string): Promise<void> {
    this.records.delete(key)
  }

  async *entries(prefix: string): AsyncIterable<[string, unknown]> {
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix)).sort()
    for (const key of keys) if (this.records.has(key)) yield [key, structuredClone(this.records.get(key))]
  }

  async close(): Promise<void> {}
}
