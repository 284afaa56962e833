/** What is under way for a model, for people who wait. A model is on the board while work on it runs, and no longer. */
import type { ModelId } from '../../placement/types.ts'

export interface Loading {
  readonly model: ModelId
  readonly state: 'fetching' | 'deriving' | 'loading'
  readonly doneBytes: number
  readonly totalBytes: number
}

interface Row {
  workers: number
  loading: Loading | null
}

export class LoadingBoard {
  private readonly rows = new Map<ModelId, Row>()

  /** Keeps the model's row until the action ends, well or not. */
  async during<T>(model: ModelId, action: () => Promise<T>): Promise<T> {
    const row = this.rows.get(model) ?? { workers: 0, loading: null }
    this.rows.set(model, row)
    row.workers += 1
    try {
      return await action()
    } finally {
      row.workers -= 1
      if (row.workers === 0) this.rows.delete(model)
    }
  }

  /** Bytes that are not said stay as they were. Nothing is noted of a model that nobody works on. */
  note(model: ModelId, state: Loading['state'], bytes?: { doneBytes: number; totalBytes: number }): void {
    const row = this.rows.get(model)
    if (row === undefined) return
    const { doneBytes, totalBytes } = bytes ?? row.loading ?? { doneBytes: 0, totalBytes: 0 }
    row.loading = { model, state, doneBytes, totalBytes }
  }

  get(model: ModelId): Loading | null {
    return this.rows.get(model)?.loading ?? null
  }
}
