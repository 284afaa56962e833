/**
 * Pinned models: an operator wants them here, whatever the eviction policy thinks. A pin is of a name, so it follows the tag:
 * when the tag moves, the new revision is brought first and only then the old one may go. Pins outlive restarts; a pinned
 * model that is missing is fetched, at the start and whenever a look shows it.
 */

import { HoldfastError, isFaster, type LocalTier, type ModelId } from '../../common/index.ts'
import { formatDigest, formatModelName, type ModelReference, parseModelReference } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { type AdminCache, type AdminDirectory, resolveReference } from './ports.ts'

export interface NodePinsPorts {
  readonly directory: Pick<AdminDirectory, 'resolve' | 'resolveDigest'>
  readonly cache: Pick<AdminCache, 'isHeld' | 'bring'>
  readonly state: StateStore
  readonly clock: Clock
  readonly log: Log
}

export interface NodePinsOptions {
  /** How often pins are looked up and missing models brought back. */
  readonly checkMs: number
  /** Each one is looked up at every check. */
  readonly pinsMax: number
}

export const defaultNodePinsOptions: NodePinsOptions = { checkMs: 15_000, pinsMax: 1024 }

export interface PinView {
  readonly name: string
  readonly tier: LocalTier
  /** The revision that is protected; null until the name could be resolved. */
  readonly model: ModelId | null
  readonly state: 'held' | 'missing' | 'bringing'
  /** Why it could not be brought the last time. */
  readonly error: string | null
}

interface Pin {
  readonly reference: ModelReference
  readonly tier: LocalTier
  model: ModelId | null
  isBringing: boolean
  error: string | null
}

const keyPrefix = 'pin/'
const context = { tenant: 'operator', deadlineMs: Number.POSITIVE_INFINITY }

export class NodePins {
  private readonly ports: NodePinsPorts
  private readonly options: NodePinsOptions
  private readonly pins = new Map<string, Pin>()
  private stopTimer: (() => void) | null = null

  constructor(ports: NodePinsPorts, options: Partial<NodePinsOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultNodePinsOptions, ...options }
  }

  /** Reads the pins, so that nothing pinned is evicted from then on. Bringing begins with start(). */
  async load(): Promise<void> {
    for await (const [key, value] of this.ports.state.entries(keyPrefix)) {
      const name = key.slice(keyPrefix.length)
      const { tier, model } = value as { tier: LocalTier; model: ModelId | null }
      const reference = parseModelReference(name)
      this.pins.set(name, { reference, tier, model, isBringing: false, error: null })
    }
  }

  start(): void {
    this.stopTimer = this.ports.clock.every(this.options.checkMs, () => this.look())
    this.look()
  }

  stop(): void {
    this.stopTimer?.()
    this.stopTimer = null
  }

  isPinned(model: ModelId, tier: LocalTier): boolean {
    for (const pin of this.pins.values()) {
      if (pin.model === model && !isFaster(tier, pin.tier)) return true
    }
    return false
  }

  /** UNKNOWN_MODEL for a name that nobody knows. The model comes in the background. */
  async pin(reference: ModelReference, tier: LocalTier): Promise<PinView> {
    const name = textOf(reference)
    if (!this.pins.has(name) && this.pins.size >= this.options.pinsMax) {
      throw new HoldfastError('OVERLOADED', `${this.pins.size} models are pinned, which is the most; unpin some.`)
    }
    const { digest } = await resolveReference(this.ports.directory, reference)
    const pin: Pin = { reference, tier, model: digest, isBringing: false, error: null }
    await this.save(name, pin)
    this.pins.set(name, pin)
    void this.check(name, pin)
    return this.view(name, pin)
  }

  /** False when it was not pinned. */
  async unpin(reference: ModelReference): Promise<boolean> {
    const name = textOf(reference)
    if (!this.pins.has(name)) return false
    await this.ports.state.delete(keyPrefix + name)
    return this.pins.delete(name)
  }

  list(): PinView[] {
    return [...this.pins].map(([name, pin]) => this.view(name, pin)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Begins to bring what is missing. */
  look(): void {
    for (const [name, pin] of this.pins) void this.check(name, pin)
  }

  private async check(name: string, pin: Pin): Promise<void> {
    if (pin.isBringing) return
    pin.isBringing = true
    try {
      const resolved = await resolveReference(this.ports.directory, pin.reference)
      const hasMoved = resolved.digest !== pin.model
      if (hasMoved || !this.ports.cache.isHeld(resolved.digest, pin.tier)) {
        await this.ports.cache.bring(resolved, pin.tier, context)
      }
      pin.error = null
      if (!hasMoved || this.pins.get(name) !== pin) return
      this.ports.log.info({ name, model: resolved.digest, before: pin.model }, 'a pinned tag has moved')
      pin.model = resolved.digest
      await this.save(name, pin)
    } catch (error) {
      pin.error = (error as Error).message
      this.ports.log.warn({ name, error: pin.error }, 'a pinned model could not be brought here')
    } finally {
      pin.isBringing = false
    }
  }

  private async save(name: string, { tier, model }: Pin): Promise<void> {
    await this.ports.state.put(keyPrefix + name, { tier, model })
  }

  private view(name: string, { tier, model, isBringing, error }: Pin): PinView {
    const isHeld = model !== null && this.ports.cache.isHeld(model, tier)
    return { name, tier, model, state: isHeld ? 'held' : isBringing ? 'bringing' : 'missing', error }
  }
}

export function textOf(reference: ModelReference): string {
  return reference.kind === 'name' ? formatModelName(reference.name) : formatDigest(reference.digest)
}
