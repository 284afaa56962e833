/**
 * Times of loads and runs, kept over a restart: one record of bounded size, written now and then and at the end. It only makes guesses
 * better, so that a record that cannot be read or written is left.
 */
import { type Clock, type Source, tiers } from '../../common/index.ts'
import type { LoadProfile, SavedProfile } from '../../core/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Log } from '../system/index.ts'

export interface KeptProfilePorts {
  readonly state: Pick<StateStore, 'get' | 'put'>
  readonly profile: LoadProfile
  readonly clock: Pick<Clock, 'every'>
  readonly log: Pick<Log, 'warn'>
}

const key = 'requests/profile'
const version = 1
const saveEveryMs = 60_000
/** Models that were measured last; a few hundred bytes each. */
export const savedModelsMax = 512
const sources: readonly Source[] = [...tiers, 'peer', 'origin']
const durationsMax = 10
const batchesMax = 16

export class KeptProfile {
  private readonly ports: KeptProfilePorts
  private savedRevision = 0
  private stopSaving = () => {}

  constructor(ports: KeptProfilePorts) {
    this.ports = ports
  }

  async start(): Promise<void> {
    const { state, profile, clock, log } = this.ports
    try {
      profile.restore(parseSaved(await state.get(key)))
    } catch (error) {
      log.warn({ err: error }, 'what models take to load and to run is learned anew')
    }
    this.savedRevision = profile.revision
    this.stopSaving = clock.every(saveEveryMs, () => void this.save())
  }

  async stop(): Promise<void> {
    this.stopSaving()
    await this.save()
  }

  private async save(): Promise<void> {
    const { state, profile, log } = this.ports
    const { revision } = profile
    if (revision === this.savedRevision) return
    try {
      await state.put(key, { version, ...profile.save(savedModelsMax) })
      this.savedRevision = revision
    } catch (error) {
      log.warn({ err: error }, 'what models take to load and to run could not be saved')
    }
  }
}

/** The usable part of a record, which may be of another version or damaged. */
export function parseSaved(value: unknown): SavedProfile {
  if (!isRecord(value) || value.version !== version) return { models: [], transfers: [] }
  return { models: modelsOf(value.models), transfers: transfersOf(value.transfers) }
}

function transfersOf(value: unknown): SavedProfile['transfers'] {
  const rows = Array.isArray(value) ? value.slice(0, sources.length) : []
  return rows.flatMap((row: unknown) => {
    const source = isRecord(row) ? sources.find((known) => known === row.source) : undefined
    return source === undefined ? [] : [{ source, ratios: durationsOf((row as { ratios?: unknown }).ratios) }]
  })
}

function modelsOf(value: unknown): SavedProfile['models'] {
  if (!Array.isArray(value)) return []
  return value.slice(-savedModelsMax).flatMap((row: unknown) => {
    if (!isRecord(row) || typeof row.model !== 'string' || !/^[0-9a-f]{64}$/.test(row.model)) return []
    const batches = Array.isArray(row.execute) ? row.execute.slice(-batchesMax) : []
    const execute = batches.flatMap((entry: unknown) => {
      if (!isRecord(entry) || !Number.isSafeInteger(entry.batch) || (entry.batch as number) < 1) return []
      return [{ batch: entry.batch as number, ms: durationsOf(entry.ms) }]
    })
    return [{ model: row.model, init: durationsOf(row.init), execute }]
  })
}

function durationsOf(value: unknown): number[] {
  if (!Array.isArray(value)) return []
  return value.filter((ms) => typeof ms === 'number' && Number.isFinite(ms) && ms >= 0).slice(-durationsMax)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
