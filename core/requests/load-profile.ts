/**
 * Measured times of starts and runs on this node, by model and, for runs, by batch: the cost model's `initMs` and `executeMs`.
 * Before the first measurement initMs is guessed from the size; over profiled models load time correlates with size only weakly, so one
 * measurement replaces the guess altogether.
 */
import type { ModelId, Source } from '../../common/index.ts'
import { type Duration, type SureTimes, sureDurationMs, usualDurationMs, withDuration } from '../../placement/index.ts'
import type { LoadTimes } from './load-times.ts'

export interface LoadProfileOptions {
  /** Guess for a model never loaded here: start of a session ... */
  readonly initBaseMs: number
  /** ... and what conversion and optimisation add per byte, on one core. */
  readonly initMsPerByte: number
  /** Older measurements refuse no request: the machine may have been busy then. */
  readonly sureForMs: number
  /** Models remembered. */
  readonly modelsMax: number
  /** Batches of a model remembered. */
  readonly batchesMax: number
}

export const defaultLoadProfileOptions: LoadProfileOptions = {
  initBaseMs: 50,
  initMsPerByte: 5e-6,
  sureForMs: 60_000,
  modelsMax: 10_000,
  batchesMax: 16,
}

/** Durations in milliseconds, the oldest first. */
export interface SavedModel {
  readonly model: ModelId
  readonly init: readonly number[]
  readonly execute: readonly { readonly batch: number; readonly ms: readonly number[] }[]
}

export interface SavedProfile {
  readonly models: readonly SavedModel[]
  /** Actual over predicted time of transfers. */
  readonly transfers: readonly { readonly source: Source; readonly ratios: readonly number[] }[]
}

/** Ratios beyond this say nothing of the line: the fetch was interrupted, or found the bytes here. */
const factorBounds = [0.25, 8] as const

interface Profile {
  init: Duration[]
  /** By batch; the one that ran last at the end. */
  readonly execute: Map<number, Duration[]>
}

export class LoadProfile implements LoadTimes {
  private readonly options: LoadProfileOptions
  /** The one that was measured last at the end. */
  private readonly profiles = new Map<ModelId, Profile>()
  private readonly transfers = new Map<Source, Duration[]>()
  private changes = 0

  constructor(options: Partial<LoadProfileOptions> = {}) {
    this.options = { ...defaultLoadProfileOptions, ...options }
  }

  /** Rises with each measurement. */
  get revision(): number {
    return this.changes
  }

  noteInit(model: ModelId, ms: number, nowMs: number): void {
    const profile = this.profileOf(model)
    profile.init = withDuration(profile.init, { ms, atMs: nowMs })
  }

  noteExecute(model: ModelId, batch: number, ms: number, nowMs: number): void {
    const { execute } = this.profileOf(model)
    const known = execute.get(batch) ?? []
    execute.delete(batch)
    execute.set(batch, withDuration(known, { ms, atMs: nowMs }))
    forgetFirst(execute, this.options.batchesMax)
  }

  initMs(model: ModelId, sizeBytes: number): number {
    const init = this.profiles.get(model)?.init ?? []
    const { initBaseMs, initMsPerByte } = this.options
    return init.length === 0 ? initBaseMs + sizeBytes * initMsPerByte : usualDurationMs(init)
  }

  executeMs(model: ModelId, batch = 1): number {
    const execute = this.profiles.get(model)?.execute
    if (execute === undefined || execute.size === 0) return 0
    const smaller = nearestSmaller(execute, batch)
    return usualDurationMs(execute.get(smaller ?? Math.min(...execute.keys()))!)
  }

  sure(model: ModelId, batch: number, nowMs: number): SureTimes {
    const profile = this.profiles.get(model)
    if (profile === undefined) return { initMs: 0, executeMs: 0 }
    const sinceMs = nowMs - this.options.sureForMs
    const smaller = nearestSmaller(profile.execute, batch)
    return {
      initMs: sureDurationMs(profile.init, sinceMs),
      executeMs: smaller === null ? 0 : sureDurationMs(profile.execute.get(smaller)!, sinceMs),
    }
  }

  noteTransfer(source: Source, predictedMs: number, actualMs: number): void {
    if (!(predictedMs > 0)) return
    this.changes += 1
    const [least, most] = factorBounds
    const ratio = Math.min(most, Math.max(least, actualMs / predictedMs))
    this.transfers.set(source, withDuration(this.transfers.get(source) ?? [], { ms: ratio, atMs: 0 }))
  }

  /** The second longest of the last ten, as of all that is measured here; 1 before there are three. */
  transferFactor(source: Source): number {
    const ratios = this.transfers.get(source) ?? []
    return ratios.length < 3 ? 1 : usualDurationMs(ratios)
  }

  /** Models that are remembered, the ones measured last. */
  save(modelsMax: number): SavedProfile {
    const kept = [...this.profiles].slice(-modelsMax)
    const models = kept.map(([model, { init, execute }]) => ({
      model,
      init: init.map(({ ms }) => ms),
      execute: [...execute].map(([batch, durations]) => ({ batch, ms: durations.map(({ ms }) => ms) })),
    }))
    const transfers = [...this.transfers].map(([source, ratios]) => ({ source, ratios: ratios.map(({ ms }) => ms) }))
    return { models, transfers }
  }

  /** Times saved by a former run. They estimate, and refuse nothing. */
  restore({ models, transfers }: SavedProfile): void {
    const longAgo = Number.NEGATIVE_INFINITY
    for (const { source, ratios } of transfers) for (const ratio of ratios) this.noteTransfer(source, 1, ratio)
    for (const { model, init, execute } of models) {
      for (const ms of init) this.noteInit(model, ms, longAgo)
      for (const { batch, ms } of execute) for (const one of ms) this.noteExecute(model, batch, one, longAgo)
    }
  }

  private profileOf(model: ModelId): Profile {
    this.changes += 1
    const profile = this.profiles.get(model) ?? { init: [], execute: new Map() }
    this.profiles.delete(model)
    this.profiles.set(model, profile)
    forgetFirst(this.profiles, this.options.modelsMax)
    return profile
  }
}

function nearestSmaller(execute: ReadonlyMap<number, unknown>, batch: number): number | null {
  if (execute.has(batch)) return batch
  const smaller = [...execute.keys()].filter((known) => known < batch)
  return smaller.length === 0 ? null : Math.max(...smaller)
}

function forgetFirst(map: Map<unknown, unknown>, sizeMax: number): void {
  if (map.size > sizeMax) map.delete(map.keys().next().value)
}
