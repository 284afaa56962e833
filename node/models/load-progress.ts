/** Progress of loads, for people who wait. A model is listed while work on it runs, and no longer. */
import type { ModelId } from '../../common/index.ts'

export interface Loading {
  readonly model: ModelId
  readonly state: 'fetching' | 'deriving' | 'loading'
  readonly doneBytes: number
  readonly totalBytes: number
  /** Of the fetch so far; null before anything was measured, and when nothing is fetched. */
  readonly bytesPerS: number | null
}

interface Row {
  workers: number
  loading: Loading | null
  /** Where the fetch stood when it was first heard of: what was here already says nothing about speed. */
  fetch: { readonly sinceMs: number; readonly sinceBytes: number } | null
}

/** Hears each change of the state; null: nothing happens. */
export type LoadingWatcher = (state: Loading['state'] | null) => void

/** Over less than this a rate is chance. */
const rateMsMin = 200

export class LoadProgress {
  private readonly nowMs: () => number
  private readonly rows = new Map<ModelId, Row>()
  private readonly watchers = new Map<ModelId, Set<LoadingWatcher>>()

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  /** Keeps the model's row until the action ends, well or not. */
  async during<T>(model: ModelId, action: () => Promise<T>): Promise<T> {
    const row = this.rows.get(model) ?? { workers: 0, loading: null, fetch: null }
    this.rows.set(model, row)
    row.workers += 1
    try {
      return await action()
    } finally {
      row.workers -= 1
      if (row.workers === 0) {
        this.rows.delete(model)
        this.tell(model, null)
      }
    }
  }

  /** Bytes that are not said stay as they were. Nothing is noted of a model that nobody works on. */
  note(model: ModelId, state: Loading['state'], bytes?: { doneBytes: number; totalBytes: number }): void {
    const row = this.rows.get(model)
    if (row === undefined) return
    const { doneBytes, totalBytes } = bytes ?? row.loading ?? { doneBytes: 0, totalBytes: 0 }
    if (state !== 'fetching') row.fetch = null
    else row.fetch ??= { sinceMs: this.nowMs(), sinceBytes: doneBytes }
    const isChange = row.loading?.state !== state
    row.loading = { model, state, doneBytes, totalBytes, bytesPerS: this.rateOf(row, doneBytes) }
    if (isChange) this.tell(model, state)
  }

  /** Calls the watcher at once, with how it is. Ends with the function that is returned. */
  watch(model: ModelId, watcher: LoadingWatcher): () => void {
    const watchers = this.watchers.get(model) ?? new Set()
    this.watchers.set(model, watchers.add(watcher))
    watcher(this.get(model)?.state ?? null)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.watchers.get(model) === watchers) this.watchers.delete(model)
    }
  }

  private tell(model: ModelId, state: Loading['state'] | null): void {
    for (const watcher of this.watchers.get(model) ?? []) watcher(state)
  }

  private rateOf({ fetch }: Row, doneBytes: number): number | null {
    if (fetch === null) return null
    const elapsedMs = this.nowMs() - fetch.sinceMs
    const bytes = doneBytes - fetch.sinceBytes
    return elapsedMs < rateMsMin || bytes <= 0 ? null : (bytes * 1000) / elapsedMs
  }

  get(model: ModelId): Loading | null {
    return this.rows.get(model)?.loading ?? null
  }
}
