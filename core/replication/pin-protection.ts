/**
 * What the pins of the cluster protect on this node: the models that it keeps, and those that the nodes chosen for them do not have yet.
 * When a pinned tag moves, the old revision stays protected until the new one is here.
 */

import type { LocalTier, ModelId } from '../../common/index.ts'
import type { PinnedModel } from '../../placement/index.ts'
import type { PinReader } from '../cluster/pin-set.ts'

interface PinnedName {
  /** What the name means; null until it was looked up here. */
  model: ModelId | null
  /** What it meant before, until the new revision is here. */
  before: ModelId | null
  /** Why the name could not be looked up, or the model not be brought, the last time. */
  error: string | null
}

export class PinProtection {
  private readonly pinned: () => PinReader
  private readonly names = new Map<string, PinnedName>()
  private pins: readonly PinnedModel[] = []
  private prunedVersion = 0
  private readonly lookingUp = new Set<string>()

  constructor(pinned: () => PinReader) {
    this.pinned = pinned
  }

  /** False while the name is being looked up already. */
  beginLookUp(name: string): boolean {
    if (this.lookingUp.has(name)) return false
    this.lookingUp.add(name)
    return true
  }

  endLookUp(name: string): void {
    this.lookingUp.delete(name)
  }

  /** What a pin's name means now. True when that is something else than before. */
  noteMeaning(name: string, model: ModelId): boolean {
    const known = this.nameOf(name)
    const before = known.model
    known.model = model
    known.error = null
    if (before === model) return false
    if (before !== null) known.before ??= before
    return true
  }

  noteFailure(name: string, error: string | null): void {
    this.nameOf(name).error = error
  }

  /** What the last view says of pins: it decides what is protected until the next one. */
  noteView(pins: readonly PinnedModel[]): void {
    this.pins = pins
    for (const { name, isHeld } of pins) {
      const known = this.names.get(name)
      if (known !== undefined && isHeld) known.before = null
    }
  }

  /**
   * Names of pins that this node keeps or has. A cluster does not ask the origin for every pin from every node. Names that are
   * pinned no more are forgotten.
   */
  namesToLookUp(): string[] {
    if (this.names.size > 0) {
      const active = new Set(this.activeNames())
      for (const name of this.names.keys()) if (!active.has(name)) this.names.delete(name)
    }
    return this.pins.filter(({ isMine, isHeld }) => isMine || isHeld).map(({ name }) => name)
  }

  meaning(name: string): ModelId | null {
    return this.names.get(name)?.model ?? null
  }

  errorOf(name: string): string | null {
    return this.names.get(name)?.error ?? null
  }

  /** What the last view says of one pin; null when the pin is newer than that. */
  find(name: string): PinnedModel | null {
    return this.pins.find((pin) => pin.name === name) ?? null
  }

  isPinned(model: ModelId, tier: LocalTier): boolean {
    if (this.pins.length === 0) return false
    return this.inForce().some((pin) => {
      if (tier === 'memory' && pin.tier === 'disk') return false
      const isNeeded = pin.isMine || pin.keptCount < pin.replicaCount
      return isNeeded && (pin.model === model || this.names.get(pin.name)?.before === model)
    })
  }

  /** Models that this node is to keep and has, as of the last view. */
  kept(): ModelId[] {
    return this.inForce().flatMap(({ model, isMine, isHeld }) => (isMine && isHeld && model !== null ? [model] : []))
  }

  /** Without pins that were removed since the last view: a removed pin protects nothing from the moment it is heard of. */
  private inForce(): readonly PinnedModel[] {
    const { version } = this.pinned()
    if (this.prunedVersion !== version) {
      const active = new Set(this.activeNames())
      this.pins = this.pins.filter(({ name }) => active.has(name))
      this.prunedVersion = version
    }
    return this.pins
  }

  private activeNames(): string[] {
    return this.pinned()
      .active()
      .map(({ name }) => name)
  }

  private nameOf(name: string): PinnedName {
    const known = this.names.get(name) ?? { model: null, before: null, error: null }
    this.names.set(name, known)
    return known
  }
}
