/** A StateStore in memory: what a node keeps, for tests that start it again. */
import type { StateStore } from '../../node/ports/index.ts'

export class MemoryState implements StateStore {
  readonly records = new Map<string, unknown>()

  async get(key: string): Promise<unknown> {
    return this.records.get(key) ?? null
  }

  async put(key: string, value: unknown): Promise<void> {
    this.records.set(key, structuredClone(value))
  }

  async delete(key: string): Promise<void> {
    this.records.delete(key)
  }

  async *entries(prefix: string): AsyncIterable<[string, unknown]> {
    for (const key of [...this.records.keys()].filter((name) => name.startsWith(prefix)).sort()) {
      yield [key, this.records.get(key)]
    }
  }

  async close(): Promise<void> {}
}
