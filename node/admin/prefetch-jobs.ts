/**
 * Prefetches that operators asked for: started here, watched by polling. A prefetch may take an hour on a thin uplink, so no
 * request waits for it. Two of one model and tier are one.
 */

import { HoldfastError, isHoldfastError, type LocalTier, type ModelId, type Source } from '../../common/index.ts'
import type { ModelReference } from '../../origin/index.ts'
import type { Loading } from '../models/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { textOf } from './node-pins.ts'
import { type AdminCache, type AdminDirectory, resolveReference } from './ports.ts'

export interface PrefetchJobsPorts {
  readonly directory: Pick<AdminDirectory, 'resolve' | 'resolveDigest'>
  readonly cache: Pick<AdminCache, 'bring'>
  readonly loading: (model: ModelId) => Loading | null
  readonly clock: Clock
  readonly log: Log
}

export interface PrefetchJobsOptions {
  /** Running at one time; they share the uplink, so more of them finish no sooner. */
  readonly runningMax: number
  /** Ended ones that can still be asked after. */
  readonly endedMax: number
}

export const defaultPrefetchJobsOptions: PrefetchJobsOptions = { runningMax: 32, endedMax: 64 }

export interface PrefetchView {
  readonly name: string
  readonly model: ModelId
  readonly tier: LocalTier
  readonly state: 'running' | 'done' | 'failed'
  /** Where the bytes came from, once it is done. */
  readonly source: Source | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly elapsedMs: number
  /** While it runs and something can be said. */
  readonly loading: Loading | null
}

interface Prefetch {
  readonly name: string
  readonly model: ModelId
  readonly tier: LocalTier
  readonly startedMs: number
  endedMs: number | null
  source: Source | null
  error: { readonly code: string; readonly message: string } | null
}

const context = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY }

export class PrefetchJobs {
  private readonly ports: PrefetchJobsPorts
  private readonly options: PrefetchJobsOptions
  private readonly prefetches: Prefetch[] = []

  constructor(ports: PrefetchJobsPorts, options: Partial<PrefetchJobsOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultPrefetchJobsOptions, ...options }
  }

  /** Begins, or joins one that runs. UNKNOWN_MODEL, or OVERLOADED. */
  async begin(reference: ModelReference, tier: LocalTier): Promise<PrefetchView> {
    const resolved = await resolveReference(this.ports.directory, reference)
    const running = this.prefetches.filter(({ endedMs }) => endedMs === null)
    const same = running.find((other) => other.model === resolved.digest && other.tier === tier)
    if (same !== undefined) return this.view(same)
    if (running.length >= this.options.runningMax) {
      throw new HoldfastError('OVERLOADED', `${running.length} prefetches run already; wait for one of them.`)
    }
    const prefetch: Prefetch = {
      name: textOf(reference),
      model: resolved.digest,
      tier,
      startedMs: this.ports.clock.nowMs(),
      endedMs: null,
      source: null,
      error: null,
    }
    this.prefetches.push(prefetch)
    void this.ports.cache
      .bring(resolved, tier, context)
      .then(
        (source) => {
          prefetch.source = source
        },
        (error: Error) => {
          prefetch.error = { code: isHoldfastError(error) ? error.code : 'INTERNAL', message: error.message }
          this.ports.log.warn({ name: prefetch.name, error: error.message }, 'a prefetch failed')
        },
      )
      .finally(() => {
        prefetch.endedMs = this.ports.clock.nowMs()
        this.forgetOld()
      })
    return this.view(prefetch)
  }

  /** Oldest first. */
  list(): PrefetchView[] {
    return this.prefetches.map((prefetch) => this.view(prefetch))
  }

  private forgetOld(): void {
    const ended = this.prefetches.filter(({ endedMs }) => endedMs !== null)
    for (const prefetch of ended.slice(0, Math.max(0, ended.length - this.options.endedMax))) {
      this.prefetches.splice(this.prefetches.indexOf(prefetch), 1)
    }
  }

  private view({ name, model, tier, startedMs, endedMs, source, error }: Prefetch): PrefetchView {
    const state = endedMs === null ? 'running' : error === null ? 'done' : 'failed'
    return {
      name,
      model,
      tier,
      state,
      source,
      error,
      elapsedMs: Math.round((endedMs ?? this.ports.clock.nowMs()) - startedMs),
      loading: endedMs === null ? this.ports.loading(model) : null,
    }
  }
}
