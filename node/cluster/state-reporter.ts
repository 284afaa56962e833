/** Tells the protocol core what the node is and how it does: addresses, queue, free memory. The core decides what to publish. */

import { byTier, freeBytesOf, type LocalTier, type TierState } from '../../common/index.ts'
import { localStatePeriodMs, type StateBody } from '../../core/index.ts'
import { type Clock, spokenVersion, version } from '../system/index.ts'
import type { CoreDriver } from './core-driver.ts'

export interface LocalStateSources {
  readonly zone: string
  /** node.name; empty without one. */
  readonly name: string
  /** When this run of the node began, in milliseconds since 1970. */
  readonly startedMs: number
  readonly addresses: () => string[]
  readonly bulkAddress: () => string
  readonly httpUrl: () => string
  readonly queueMs: () => number
  readonly tiers: () => Readonly<Record<LocalTier, TierState>>
  readonly isDraining: () => boolean
}

export interface LocalStateOptions {
  /** Reading is cheap and the core sends only what changed enough. */
  readonly periodMs: number
}

export const defaultLocalStateOptions: LocalStateOptions = { periodMs: localStatePeriodMs }

export class StateReporter {
  private readonly sources: LocalStateSources
  private readonly driver: CoreDriver
  private readonly options: LocalStateOptions
  private stopTimer: (() => void) | null = null

  constructor(sources: LocalStateSources, driver: CoreDriver, options: Partial<LocalStateOptions> = {}) {
    this.sources = sources
    this.driver = driver
    this.options = { ...defaultLocalStateOptions, ...options }
  }

  start(clock: Clock): void {
    this.report()
    this.stopTimer = clock.every(this.options.periodMs, () => this.report())
  }

  stop(): void {
    this.stopTimer?.()
    this.stopTimer = null
  }

  report(): void {
    const { sources } = this
    const tiers = sources.tiers()
    const body: StateBody = {
      zone: sources.zone,
      protocolVersion: spokenVersion,
      ...(sources.name === '' ? {} : { name: sources.name }),
      version,
      startedMs: sources.startedMs,
      addresses: sources.addresses(),
      bulkAddress: sources.bulkAddress(),
      httpUrl: sources.httpUrl(),
      queueMs: Math.round(sources.queueMs()),
      tiers: byTier((tier) => ({ freeBytes: freeBytesOf(tiers[tier]), limitBytes: tiers[tier].limitBytes })),
      draining: sources.isDraining(),
    }
    this.driver.dispatch({ kind: 'local-state', body })
  }
}
