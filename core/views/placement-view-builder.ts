/**
 * Builds what placement/ decides about, from what this node believes of the cluster and what its adapter says of its own tiers. The
 * node and the simulator use this same code; it costs in proportion to the models here, those asked for here, the zone's demand
 * and the pins.
 */

import { byTier, fastestTier, type ModelId, slowestTier, type TierBytes } from '../../common/index.ts'
import {
  type CandidateModel,
  type CopyView,
  type DemandView,
  type HeldModel,
  marginalCostMs,
  othersLossMsPerS,
  type PinnedModel,
  type PlacementMemory,
  type PlacementView,
  type RateDemand,
  type TierView,
} from '../../placement/index.ts'
import type { Interner } from '../cluster/interner.ts'
import type { Ledger } from '../cluster/ledger.ts'
import type { PinRecord } from '../events.ts'
import type { RemoteCopies } from './remote-copies.ts'
import type { ReplicaPlaces } from './replica-places.ts'
import type { ZoneDemand } from './zone-demand.ts'

export interface PlacementViewBuilderOptions {
  /** Models asked for here that are weighed, the most wanted first: as many as a demand entry names. */
  readonly candidatesMax: number
  /** The same of models that only the rest of the zone asks for. */
  readonly zoneCandidatesMax: number
}

export const defaultPlacementViewBuilderOptions: PlacementViewBuilderOptions = {
  candidatesMax: 64,
  zoneCandidatesMax: 16,
}

/** A copy of this node, whose worth is asked for. */
export interface CopyFacts {
  readonly model: ModelId
  readonly sizeBytes: number
  readonly initMs: number
  /** Reading it from this node's disk; null when the copy is all that this node has. */
  readonly diskMs: number | null
  readonly mayForward: boolean
  readonly originAllowed: boolean
  /** One over the time until it is wanted here, requests of others included; null when nobody predicts it. */
  readonly soonRatePerS: number | null
}

export interface CopyWorth {
  readonly missCostMs: number
  readonly othersLossMsPerS: number
}

/** What only the adapter knows. */
export interface LocalPlacement {
  readonly isDraining: boolean
  readonly originAllowed: boolean
  readonly rooms: readonly TierView[]
  readonly held: readonly LocalCopy[]
  /** Models on their way here. */
  readonly arriving: readonly ModelId[]
  /** Revisions that took the name of a held model: new -> held. */
  readonly replaced: ReadonlyMap<ModelId, ModelId>
  /** Bytes of the files of a model that is known here; null of another. */
  sizeOf(model: ModelId): number | null
  /** What a model with files of so many bytes takes in each tier. */
  needOf(model: ModelId, sizeBytes: number): TierBytes
  initMs(model: ModelId, sizeBytes: number): number
  /** Reading so many bytes from this node's disk. */
  diskMs(sizeBytes: number): number
  mayForward(model: ModelId): boolean
  soonRatePerS(model: ModelId): number | null
  /** What a pinned name means; null while that is not known. */
  resolvePin(name: string): ModelId | null
}

export interface LocalCopy {
  readonly model: ModelId
  /** Of its files. */
  readonly sizeBytes: number
  /** What it occupies in each tier; 0 where it is not complete. */
  readonly bytes: TierBytes
  readonly isInUse: boolean
  readonly isPinned: boolean
}

export interface PlacementViewBuilderPorts {
  readonly ledger: Ledger
  readonly interner: Interner
  readonly selfIndex: number
  readonly elsewhere: RemoteCopies
  readonly zoneDemand: ZoneDemand
  readonly places: ReplicaPlaces
  readonly demand: RateDemand
  isAvoided(index: number, nowMs: number): boolean
}

export class PlacementViewBuilder {
  private readonly ports: PlacementViewBuilderPorts
  private readonly options: PlacementViewBuilderOptions

  constructor(
    ports: PlacementViewBuilderPorts,
    options: PlacementViewBuilderOptions = defaultPlacementViewBuilderOptions,
  ) {
    this.ports = ports
    this.options = options
  }

  worth(facts: CopyFacts, nowMs: number): CopyWorth {
    const copy = this.copyView(facts, nowMs)
    return {
      missCostMs: marginalCostMs(copy),
      othersLossMsPerS: othersLossMsPerS(copy, this.demandOf(facts.model, facts.soonRatePerS, copy, nowMs)),
    }
  }

  view(
    local: LocalPlacement,
    pins: readonly PinRecord[],
    memory: PlacementMemory,
    { graceMs, nowMs }: { readonly graceMs: number; readonly nowMs: number },
  ): PlacementView {
    const held = new Map(local.held.map((copy) => [copy.model, copy]))
    memory.noteHeld(
      local.held.filter(({ bytes }) => bytes[fastestTier] > 0).map(({ model }) => model),
      nowMs,
    )
    if (pins.length > 0) this.ports.places.look(memory, graceMs, nowMs)
    return {
      isDraining: local.isDraining,
      rooms: local.rooms,
      held: local.held.map((copy) => this.heldModel(copy, local, memory, nowMs)),
      candidates: [...this.candidates(local, held, nowMs)].flatMap((model) => {
        const candidate = this.candidate(model, held.get(model), local, memory, nowMs)
        return candidate === null ? [] : [candidate]
      }),
      pins: pins.map((pin) => this.pinned(pin, local, held, nowMs)),
    }
  }

  private heldModel(copy: LocalCopy, local: LocalPlacement, memory: PlacementMemory, nowMs: number): HeldModel {
    const { model, sizeBytes, bytes, isInUse, isPinned } = copy
    const facts = this.factsOf(model, sizeBytes, bytes[slowestTier] > 0, local)
    const view = this.copyView({ ...facts, diskMs: bytes[fastestTier] > 0 ? facts.diskMs : null }, nowMs)
    return {
      ...this.demandOf(model, facts.soonRatePerS, view, nowMs),
      model,
      bytes,
      initMs: facts.initMs,
      diskMs: facts.diskMs,
      mayForward: facts.mayForward,
      isInUse,
      isPinned,
      elsewhere: view.elsewhere,
      heldForMs: memory.heldForMs(model, nowMs),
    }
  }

  /** Asked for here, asked for in the zone, or the new meaning of a name; and not in memory here. */
  private candidates(
    local: LocalPlacement,
    held: ReadonlyMap<ModelId, LocalCopy>,
    nowMs: number,
  ): ReadonlySet<ModelId> {
    const models = new Set<ModelId>()
    const add = (model: ModelId): void => {
      if ((held.get(model)?.bytes[fastestTier] ?? 0) === 0) models.add(model)
    }
    for (const { model } of this.ports.demand.top(this.options.candidatesMax, nowMs)) add(model)
    for (const model of this.ports.zoneDemand.top(this.options.zoneCandidatesMax, nowMs)) add(model)
    for (const model of local.replaced.keys()) add(model)
    return models
  }

  /** Null for a model whose size nobody has said: it could not be judged. */
  private candidate(
    model: ModelId,
    here: LocalCopy | undefined,
    local: LocalPlacement,
    memory: PlacementMemory,
    nowMs: number,
  ): CandidateModel | null {
    const sizeBytes = here?.sizeBytes ?? this.sizeOf(model, local)
    if (sizeBytes === null) return null
    const isOnDisk = here !== undefined && here.bytes[slowestTier] > 0
    const facts = this.factsOf(model, sizeBytes, isOnDisk, local)
    const view = this.copyView(facts, nowMs)
    const own = this.demandOf(model, facts.soonRatePerS, view, nowMs)
    const replaces = local.replaced.get(model) ?? null
    const inherited = replaces === null ? 0 : this.ports.demand.ratePerS(replaces, nowMs)
    const need = local.needOf(model, sizeBytes)
    const ratePerS = own.ratePerS + inherited
    return {
      ...own,
      ratePerS,
      model,
      bytes: byTier((tier) => (here !== undefined && here.bytes[tier] > 0 ? 0 : need[tier])),
      initMs: facts.initMs,
      diskMs: facts.diskMs,
      mayForward: facts.mayForward,
      elsewhere: view.elsewhere,
      isArriving: local.arriving.includes(model),
      goneForMs: memory.goneForMs(model, nowMs),
      replaces,
      turn: own.zoneRatePerS === 0 ? 0 : this.ports.zoneDemand.turn(model, ratePerS > 0, nowMs),
      waitedRounds: memory.waitedRounds(model),
    }
  }

  private pinned(
    pin: PinRecord,
    local: LocalPlacement,
    held: ReadonlyMap<ModelId, LocalCopy>,
    nowMs: number,
  ): PinnedModel {
    const { ledger, interner, selfIndex, isAvoided } = this.ports
    const { name, replicaCount, tier } = pin
    const places = this.ports.places.of(pin)
    const model = local.resolvePin(name)
    const isMine = places.includes(interner.id(selfIndex))
    const here = model === null ? undefined : held.get(model)
    const isHeld = here !== undefined && here.bytes[tier] > 0
    let keptCount = isMine && isHeld ? 1 : 0
    for (const index of model === null ? [] : ledger.nodesWith(model).holders) {
      if (index !== selfIndex && places.includes(interner.id(index)) && !isAvoided(index, nowMs)) keptCount += 1
    }
    const fileBytes = model === null ? null : (here?.sizeBytes ?? this.sizeOf(model, local))
    const need = model === null || fileBytes === null ? null : local.needOf(model, fileBytes)
    return {
      name,
      replicaCount,
      tier,
      model,
      sizeBytes: need?.[tier] ?? null,
      isMine,
      places,
      isHeld,
      isArriving: model !== null && local.arriving.includes(model),
      keptCount,
    }
  }

  private factsOf(model: ModelId, sizeBytes: number, isOnDisk: boolean, local: LocalPlacement): CopyFacts {
    return {
      model,
      sizeBytes,
      initMs: local.initMs(model, sizeBytes),
      diskMs: isOnDisk ? local.diskMs(sizeBytes) : null,
      mayForward: local.mayForward(model),
      originAllowed: local.originAllowed,
      soonRatePerS: local.soonRatePerS(model),
    }
  }

  private copyView(facts: CopyFacts, nowMs: number): CopyView {
    const { initMs, diskMs, mayForward } = facts
    return { initMs, diskMs, mayForward, elsewhere: this.ports.elsewhere.of(facts, nowMs) }
  }

  private demandOf(model: ModelId, soonRatePerS: number | null, copy: CopyView, nowMs: number): DemandView {
    const { ledger, demand, zoneDemand } = this.ports
    const ratePerS = demand.ratePerS(model, nowMs)
    // What the policy predicts beyond the requests that arrive here first is what others send on: it is counted there already.
    const sentOnPerS = Math.max(0, (soonRatePerS ?? ratePerS) - ratePerS)
    const isAnswerable = copy.diskMs === null && copy.elsewhere.isPrimaryHolder
    return {
      ratePerS,
      soonRatePerS,
      zoneRatePerS: zoneDemand.ratePerS(model, nowMs),
      othersRatePerS: isAnswerable ? Math.max(0, ledger.demandOfOthers(model) - sentOnPerS) : 0,
    }
  }

  /** As this node knows it, or as its holders say. */
  private sizeOf(model: ModelId, local: LocalPlacement): number | null {
    return local.sizeOf(model) ?? this.ports.ledger.nodesWith(model).residents[0]?.sizeBytes ?? null
  }
}
