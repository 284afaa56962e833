/** What of the models is in which tier of this node, as the eviction policies and the cluster are told of it: each change once. */
import { assertInvariant, byTier, type LocalTier, localTiers, type ModelId, type Tier } from '../../common/index.ts'
import type { ResidentModel } from '../events.ts'
import type { ModelRow, ModelTable } from './model-table.ts'
import { PolicyFeed } from './policy-feed.ts'
import type { ModelMachinePorts } from './ports.ts'
import type { ModelSpec } from './types.ts'

export class Presence<S extends ModelSpec> {
  readonly feeds: Readonly<Record<LocalTier, PolicyFeed>>
  private readonly ports: ModelMachinePorts<S>
  private readonly table: ModelTable<S>
  /** Null before the cluster was told anything. */
  private told: ReadonlyMap<ModelId, Tier> | null = null
  private isPending = false

  constructor(ports: ModelMachinePorts<S>) {
    this.ports = ports
    this.table = ports.table
    this.feeds = byTier((tier) => new PolicyFeed(() => ports.policy(tier)))
  }

  /** Tells the policies in which tiers the model is now, and with how many bytes. */
  note(row: ModelRow<S>, nowMs: number): void {
    const { model } = row.spec
    this.isPending = true
    for (const tier of localTiers) {
      const sizeBytes = this.table.bytesIn(row, tier)
      if (sizeBytes === 0) this.feeds[tier].remove(model, 'dropped', nowMs)
      else this.feeds[tier].note({ model, sizeBytes, ...this.ports.worth(model, tier, nowMs) }, nowMs)
    }
  }

  /** What copies are worth changes with what others hold and want. */
  refreshCosts(tier: LocalTier, nowMs: number): void {
    this.feeds[tier].refreshCosts((model) => this.ports.worth(model, tier, nowMs))
  }

  /** Nothing of the model is here: the table need not know it. */
  forgetIfGone({ spec: { model, files } }: ModelRow<S>): void {
    if (localTiers.some((tier) => this.feeds[tier].has(model))) return
    if (files.some((blob) => this.table.isKnownToStore(blob))) return
    this.isPending = true
    this.table.remove(model)
  }

  /** All that is here now, sorted by model. */
  residency(): ResidentModel[] {
    const models: ResidentModel[] = []
    for (const { spec } of this.table.all()) {
      const tier = this.table.tierOf(spec.model)
      if (tier !== null) models.push(this.ports.resident(spec, tier))
    }
    return models.sort((a, b) => (a.model < b.model ? -1 : 1))
  }

  /** The residency, when the cluster was told another one last; else null. */
  pending(): readonly ResidentModel[] | null {
    if (!this.isPending) return null
    this.isPending = false
    if (this.isTold()) return null
    const models = this.residency()
    this.told = new Map(models.map(({ model, tier }) => [model, tier]))
    return models
  }

  /** The cluster knows of all that is here, and in which tier it is. */
  private isTold(): boolean {
    if (this.told === null) return false
    let count = 0
    for (const { spec } of this.table.all()) {
      const tier = this.table.tierOf(spec.model)
      if (tier === null) continue
      if (this.told.get(spec.model) !== tier) return false
      count += 1
    }
    return count === this.told.size
  }

  /** Something has moved: the next look at what is pending is a thorough one. */
  mayHaveChanged(): void {
    this.isPending = true
  }

  /** @param isQuiet no work is under way at all. */
  checkInvariants(isUnderWay: (model: ModelId) => boolean, isQuiet: boolean): void {
    for (const tier of localTiers) {
      for (const model of this.feeds[tier].models()) {
        const row = this.table.get(model)
        assertInvariant(row !== null, `${model} is known`)
        const isHere = isUnderWay(model) || this.table.bytesIn(row, tier) > 0
        assertInvariant(isHere, `the policy of ${tier} knows of ${model} what is here`)
      }
    }
    if (isQuiet && this.told !== null) assertInvariant(this.isTold(), 'the cluster was told')
  }
}
