import type { LocalTier, ModelId } from '../../common/index.ts'

export type PinCheck = (model: ModelId, tier: LocalTier) => boolean

/**
 * Is a model pinned in a tier, by anybody. The cache asks this before there is anybody to pin: those who pin bring their models by way of
 * the cache, and register here.
 */
export class PinChecks {
  private readonly checks: PinCheck[] = []

  add(check: PinCheck): void {
    this.checks.push(check)
  }

  isPinned(model: ModelId, tier: LocalTier): boolean {
    return this.checks.some((check) => check(model, tier))
  }
}
