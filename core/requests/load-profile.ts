/**
 * What loading and running really took on this node, per model: the cost model's `initMs` and `executeMs`. Before the first
 * measurement initMs is guessed from the size; over profiled models load time correlates with size only weakly, so one
 * measurement replaces the guess altogether.
 */
import type { ModelId } from '../../common/index.ts'
import type { LoadTimes } from './load-times.ts'

export interface LoadProfileOptions {
  /** Guess for a model never loaded here: start of a session ... */
  readonly initBaseMs: number
  /** ... and what conversion and optimisation add per byte, on one core. */
  readonly initMsPerByte: number
  /** Weight of the newest of two measurements. */
  readonly smoothing: number
  /** Models remembered. */
  readonly modelsMax: number
}

export const defaultLoadProfileOptions: LoadProfileOptions = {
  initBaseMs: 50,
  initMsPerByte: 5e-6,
  smoothing: 0.3,
  modelsMax: 10_000,
}

interface Profile {
  initMs: number | null
  executeMs: number | null
}

export class LoadProfile implements LoadTimes {
  private readonly options: LoadProfileOptions
  private readonly profiles = new Map<ModelId, Profile>()

  constructor(options: Partial<LoadProfileOptions> = {}) {
    this.options = { ...defaultLoadProfileOptions, ...options }
  }

  noteInit(model: ModelId, elapsedMs: number): void {
    const profile = this.profileOf(model)
    profile.initMs = this.smooth(profile.initMs, elapsedMs)
  }

  noteExecute(model: ModelId, elapsedMs: number): void {
    const profile = this.profileOf(model)
    profile.executeMs = this.smooth(profile.executeMs, elapsedMs)
  }

  initMs(model: ModelId, sizeBytes: number): number {
    return this.profiles.get(model)?.initMs ?? this.options.initBaseMs + sizeBytes * this.options.initMsPerByte
  }

  /** 0 before the first run. */
  executeMs(model: ModelId): number {
    return this.profiles.get(model)?.executeMs ?? 0
  }

  private smooth(known: number | null, measured: number): number {
    return known === null ? measured : known + this.options.smoothing * (measured - known)
  }

  private profileOf(model: ModelId): Profile {
    const known = this.profiles.get(model)
    if (known !== undefined) return known
    const oldest = this.profiles.keys().next().value
    if (this.profiles.size >= this.options.modelsMax && oldest !== undefined) this.profiles.delete(oldest)
    const made: Profile = { initMs: null, executeMs: null }
    this.profiles.set(model, made)
    return made
  }
}
