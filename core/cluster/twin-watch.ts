/**
 * Two runs of one identity at the same time, as after a data folder was copied to another box. Each would speak above the other for
 * ever, and the cluster would believe now this one, now that one. So the run that began first keeps speaking above, and the one that
 * began later falls silent as soon as it knows that the other lives.
 *
 * An earlier run that is over leaves entries too: it cannot answer when this one speaks above them.
 */
import type { Entry } from '../events.ts'
import { compareVersions, type Version } from './version.ts'

export interface Twin {
  /** This run began before the other. */
  readonly isFirst: boolean
  /** When the other run began, in milliseconds since 1970, by its clock. */
  readonly startedMs: number
}

export class TwinWatch {
  /** Of the other run: the first that was heard of it, above which this one then spoke. */
  private earlier: { readonly startedMs: number; readonly version: Version } | null = null
  private toldStartedMs: number | null = null
  private hasToYield = false

  /** This run began later than one that lives: it does not speak above it. */
  get yields(): boolean {
    return this.hasToYield
  }

  /**
   * `entry` is by this node's identity and came from another node; `own` is the newest version that this run has published, and when it
   * began. Null while it may be of an earlier run that is over, and when it was told already.
   */
  heard(entry: Entry, own: { readonly version: Version; readonly startedMs: number | undefined }): Twin | null {
    if (entry.kind !== 'state') return null
    const { startedMs } = entry.body
    if (startedMs === undefined || own.startedMs === undefined || startedMs === own.startedMs) return null
    // No earlier run of this one can have begun after it.
    if (startedMs > own.startedMs) return this.tell({ isFirst: true, startedMs })
    if (compareVersions(entry, own.version) <= 0) return null
    if (this.earlier?.startedMs !== startedMs) {
      this.earlier = { startedMs, version: entry }
      return null
    }
    if (compareVersions(entry, this.earlier.version) <= 0) return null
    this.hasToYield = true
    return this.tell({ isFirst: false, startedMs })
  }

  /**
   * A later run that started with the same epoch may have said as much as this one: neither is newer then, and the later one would never
   * hear of the first. The first speaks above it.
   */
  isEqualOfLater(entry: Entry, own: { readonly version: Version; readonly startedMs: number | undefined }): boolean {
    if (entry.kind !== 'state' || compareVersions(entry, own.version) !== 0) return false
    return (entry.body.startedMs ?? 0) > (own.startedMs ?? Number.POSITIVE_INFINITY)
  }

  private tell(twin: Twin): Twin | null {
    if (this.toldStartedMs === twin.startedMs) return null
    this.toldStartedMs = twin.startedMs
    return twin
  }
}
