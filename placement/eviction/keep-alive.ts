/**
 * Keep-alive by idle-time histograms: every model has a window after its last request in which the next one is expected, learnt
 * from how long it was idle before. Models whose window has closed go first, the one that closed longest ago before the others;
 * then, as the clouds do under pressure, the least recently used.
 *
 *   window = the idle time that 99 % of its idle times do not exceed, in bins of a minute up to four hours, plus a tenth
 *
 * The histogram is trusted only when it says something: after a few idle times, when its bins differ enough (coefficient of
 * variation at least 2) and when not most idle times lay beyond it. Until then the window is the whole four hours.
 * Source: M. Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4: bins, range, percentile, margin and the
 * conservative fallback are theirs. Left out: unloading right after a request and loading again ahead of the next, which needs
 * a cache that acts by itself, and the time-series forecast for models whose idle times exceed four hours. Ties go by id.
 *
 * Two heaps, because a model changes from one order to the other by time alone: all by their last request, all by the end of their
 * window. A request raises both, except when the window shrinks by more than time has passed.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'
import { planFromHeap } from './heap-plan.ts'
import { LazyHeap } from './lazy-heap.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem, EvictionPlan, EvictionRequest } from './types.ts'

export interface KeepAliveOptions {
  readonly binMs: number
  readonly binCount: number
  /** Share of idle times that the window covers. */
  readonly coverage: number
  /** Share by which the window is longer than the histogram says. */
  readonly margin: number
  /** Coefficient of variation of the bins below which the histogram says nothing. */
  readonly variationMin: number
  /** Idle times below which it says nothing. */
  readonly idleCountMin: number
  /** Models remembered, resident or not, at half a kilobyte each; beyond it the quarter idle longest is forgotten. */
  readonly modelsMax: number
}

export const defaultKeepAliveOptions: KeepAliveOptions = {
  binMs: 60_000,
  binCount: 240,
  coverage: 0.99,
  margin: 0.1,
  variationMin: 2,
  idleCountMin: 5,
  modelsMax: 16_384,
}

interface History {
  lastMs: number
  /** Idle times per bin. */
  readonly bins: Uint16Array
  idleCount: number
  /** Idle times beyond the last bin. */
  beyondCount: number
  /** Sum of squares over the bins, from which their variation follows. */
  squareSum: number
  windowMs: number
}

interface Entry extends RankedEntry {
  readonly history: History
  readonly window: RankedEntry & { readonly history: History }
}

/** A bin that is full halves the whole histogram, so that it goes on learning. */
const binMax = 65_535

export class KeepAlivePolicy extends RankedPolicy<Entry> {
  readonly name = 'keepalive'
  private readonly options: KeepAliveOptions
  private readonly histories = new Map<ModelId, History>()
  private readonly windows = new LazyHeap<Entry['window']>(refreshWindow)

  constructor(options: Partial<KeepAliveOptions> = {}) {
    super()
    this.options = { ...defaultKeepAliveOptions, ...options }
  }

  onRequest(model: ModelId, nowMs: number): void {
    const known = this.histories.get(model)
    if (known === undefined) this.addHistory(model, nowMs)
    else this.learn(known, nowMs)
    const window = this.entries.get(model)?.window
    if (window === undefined || endOf(window.history) >= window.key) return
    window.key = endOf(window.history)
    this.windows.lowered(window)
  }

  override onInsert(item: CacheItem, nowMs: number): void {
    super.onInsert(item, nowMs)
    const { window, sizeBytes } = this.entries.get(item.model)!
    window.sizeBytes = sizeBytes
    if (window.position < 0) this.windows.push(window)
  }

  override onRemove(model: ModelId, nowMs: number): void {
    const entry = this.entries.get(model)
    if (entry !== undefined) this.windows.remove(entry.window)
    super.onRemove(model, nowMs)
  }

  override planEviction(request: EvictionRequest): EvictionPlan {
    const { nowMs, neededBytes, mayEvict } = request
    const isClosed = (model: ModelId) => endOf(this.entries.get(model)!.history) < nowMs
    const closed = this.planClosed(request)
    if (closed.enough) return closed
    const open = super.planEviction({
      nowMs,
      neededBytes: neededBytes - closed.freedBytes,
      mayEvict: (model) => !isClosed(model) && mayEvict(model),
    })
    return {
      victims: [...closed.victims, ...open.victims],
      freedBytes: closed.freedBytes + open.freedBytes,
      enough: open.enough,
    }
  }

  override checkInvariants(): void {
    super.checkInvariants()
    this.windows.checkInvariants()
    assertInvariant(this.windows.size === this.entries.size, 'windows and residents differ')
  }

  protected createEntry(item: CacheItem, nowMs: number): Entry {
    const history = this.histories.get(item.model) ?? this.addHistory(item.model, nowMs)
    return { ...rankedEntry(item), history, window: { ...rankedEntry(item), history, key: endOf(history) } }
  }

  protected keyOf({ history }: Entry): number {
    return history.lastMs
  }

  /** Negative when the window has closed; otherwise the less, the longer idle. */
  protected override scoreOf({ history }: Entry, nowMs: number): number {
    const openMs = endOf(history) - nowMs
    return openMs < 0 ? openMs : 1 / (1 + Math.max(0, nowMs - history.lastMs))
  }

  protected reasonOf() {
    return 'least-recent' as const
  }

  protected partsOf({ history, sizeBytes }: Entry, nowMs: number) {
    return { idleMs: nowMs - history.lastMs, windowMs: history.windowMs, sizeBytes }
  }

  private planClosed(request: EvictionRequest): EvictionPlan {
    const { nowMs } = request
    const first = this.windows.min(nowMs)
    if (first === undefined || first.key >= nowMs) {
      return { victims: [], freedBytes: 0, enough: request.neededBytes <= 0 }
    }
    const plan = planFromHeap(this.windows, request, ({ history }) => ({
      score: endOf(history) - nowMs,
      reason: 'window-closed',
    }))
    const victims = plan.victims.filter(({ score }) => score < 0)
    const freedBytes = victims.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return { victims, freedBytes, enough: freedBytes >= request.neededBytes }
  }

  private addHistory(model: ModelId, nowMs: number): History {
    if (this.histories.size >= this.options.modelsMax) this.forget()
    const history: History = {
      lastMs: nowMs,
      bins: new Uint16Array(this.options.binCount),
      idleCount: 0,
      beyondCount: 0,
      squareSum: 0,
      windowMs: this.rangeMs,
    }
    this.histories.set(model, history)
    return history
  }

  private get rangeMs(): number {
    return this.options.binMs * this.options.binCount
  }

  private learn(history: History, nowMs: number): void {
    const { binMs, binCount } = this.options
    const bin = Math.floor(Math.max(0, nowMs - history.lastMs) / binMs)
    history.lastMs = Math.max(history.lastMs, nowMs)
    if (bin >= binCount) history.beyondCount += 1
    else {
      history.squareSum += 2 * history.bins[bin]! + 1
      history.bins[bin]! += 1
      history.idleCount += 1
      if (history.bins[bin] === binMax) halve(history)
    }
    history.windowMs = this.windowOf(history)
  }

  private windowOf({ bins, idleCount, beyondCount, squareSum }: History): number {
    const { binMs, binCount, coverage, margin, variationMin, idleCountMin } = this.options
    if (idleCount < idleCountMin || beyondCount > idleCount) return this.rangeMs
    const mean = idleCount / binCount
    const variation = Math.sqrt(Math.max(0, squareSum / binCount - mean * mean)) / mean
    if (variation < variationMin) return this.rangeMs
    const wanted = coverage * idleCount
    let covered = 0
    let bin = 0
    while (bin < binCount) {
      covered += bins[bin++]!
      if (covered >= wanted) break
    }
    return bin * binMs * (1 + margin)
  }

  private forget(): void {
    const idle = [...this.histories].filter(([model]) => !this.entries.has(model))
    idle.sort(([left, a], [right, b]) => a.lastMs - b.lastMs || compareIds(left, right))
    for (const [model] of idle.slice(0, Math.max(1, this.options.modelsMax >> 2))) this.histories.delete(model)
  }
}

function endOf({ lastMs, windowMs }: History): number {
  return lastMs + windowMs
}

function refreshWindow(window: Entry['window']): boolean {
  const end = endOf(window.history)
  if (end === window.key) return false
  window.key = end
  return true
}

function halve(history: History): void {
  history.idleCount = 0
  history.squareSum = 0
  for (const [index, count] of history.bins.entries()) {
    const half = count >> 1
    history.bins[index] = half
    history.idleCount += half
    history.squareSum += half * half
  }
  history.beyondCount >>= 1
}
