/**
 * Placement rounds of one simulated node: the view that node/core builds, the decisions of placement/, and what they mean here.
 * The daemon's driver does the same with its cache.
 */

import type { Prng } from '../../common/index.ts'
import {
  defaultPlacementOptions,
  type PlacementDecision,
  PlacementMemory,
  type PlacementOptions,
  type PlacementView,
  planPlacement,
  type TierView,
} from '../../placement/index.ts'
import { badScenario } from '../scenario/scenario-fields.ts'
import type { SimModel } from '../world/models.ts'
import type { World } from './node-world.ts'
import type { SimNode } from './sim-node.ts'
import type { Tier } from './tier.ts'

const pinPrefix = 'sha256:'

/** As the daemon's placement.intervalMs. */
const defaultIntervalMs = 15_000

export class Placer {
  private readonly world: World
  private readonly node: SimNode
  private readonly random: Prng
  private readonly options: PlacementOptions
  private readonly intervalMs: number
  private memory: PlacementMemory

  constructor(world: World, node: SimNode, random: Prng) {
    this.world = world
    this.node = node
    this.random = random
    const { intervalMs = defaultIntervalMs, ...options } = world.scenario.policy.placement ?? {}
    for (const name of Object.keys(options)) {
      if (!Object.hasOwn(defaultPlacementOptions, name)) throw badScenario(`policy.placement.${name}`, 'is not known')
    }
    this.options = { ...defaultPlacementOptions, ...options }
    this.intervalMs = intervalMs
    this.memory = new PlacementMemory(this.options)
  }

  /** Rounds begin with the node, a little apart, so that nodes see what the others did. */
  start(): void {
    this.memory = new PlacementMemory(this.options)
    const again = (): void => {
      this.round()
      this.node.later(this.intervalMs * (0.75 + 0.5 * this.random.float()), again)
    }
    this.node.later(this.intervalMs * (0.5 + this.random.float()), again)
  }

  private round(): void {
    if (this.world.control.isQuiet) return
    const { policy } = this.world.scenario
    const view = this.view()
    const decisions = planPlacement(view, this.options)
    this.memory.noteRound(decisions)
    this.notePins(view)
    for (const decision of decisions) {
      // Pins are an operator's word; the rest is what the scenario can leave out.
      if (policy.replication || decision.reason === 'replica-missing') this.carryOut(decision)
    }
  }

  private carryOut(decision: PlacementDecision): void {
    const { node, world } = this
    const { metrics, queue } = world
    const model = decision.model === null ? undefined : world.byId.get(decision.model)
    if (model === undefined || (decision.kind !== 'copy' && decision.kind !== 'prefetch' && decision.kind !== 'shed'))
      return
    const label = `${decision.kind}: ${decision.reason}`
    if (decision.kind === 'shed') {
      if (!node.release(model, decision.tier, decision.reason)) return
      metrics.replicated(label, 0, queue.nowMs)
      return
    }
    for (const id of decision.displaces) node.displace(world.byId.get(id)!, decision.reason)
    const isNew = !node.holds(model)
    if (!node.loader.copy(model, decision.tier)) return
    metrics.replicated(label, isNew ? model.sizeBytes : 0, queue.nowMs)
    node.note(`${label} ${model.id.slice(0, 8)}`)
  }

  /** What this node is to keep of the cluster's pins is not evicted here. */
  private notePins({ pins }: PlacementView): void {
    const { node, world } = this
    node.pinned.clear()
    for (const { model, isMine, isHeld } of pins) {
      if (isMine && isHeld && model !== null) node.pinned.add(world.byId.get(model)!)
    }
  }

  private view(): PlacementView {
    const { node, world } = this
    const { nowMs } = world.queue
    const { memory, disk } = node
    const held = new Map<SimModel, { memoryBytes: number; diskBytes: number }>()
    for (const { model } of node.ready.values()) held.set(model, { memoryBytes: model.sizeBytes, diskBytes: 0 })
    for (const model of disk?.residents ?? []) {
      held.set(model, { memoryBytes: held.get(model)?.memoryBytes ?? 0, diskBytes: model.sizeBytes })
    }
    const local = {
      isDraining: node.draining,
      originAllowed: true,
      rooms: [this.room('memory', memory), ...(disk === null ? [] : [this.room('disk', disk)])],
      held: [...held].map(([model, bytes]) => ({
        model: model.id,
        sizeBytes: model.sizeBytes,
        ...bytes,
        isInUse: node.isInUse(model),
        isPinned: false,
      })),
      arriving: [...node.loader.loads.keys()].map(({ id }) => id),
      replaced: new Map<string, string>(),
      sizeOf: (id: string) => world.byId.get(id)?.sizeBytes ?? null,
      needOf: (_: string, sizeBytes: number) => ({ memoryBytes: sizeBytes, diskBytes: disk === null ? 0 : sizeBytes }),
      initMs: (id: string) => world.byId.get(id)!.initMs,
      diskMs: (sizeBytes: number) => node.diskMs(sizeBytes),
      mayForward: (id: string) => world.byId.get(id)?.mayForward ?? true,
      soonRatePerS: (id: string) => memory.policy.expectedRatePerS?.(id, nowMs) ?? null,
      resolvePin: (name: string) => (name.startsWith(pinPrefix) ? name.slice(pinPrefix.length) : null),
    }
    return node.core.placementView(local, this.memory, this.options.graceMs, nowMs)
  }

  private room(name: 'memory' | 'disk', tier: Tier): TierView {
    return { tier: name, limitBytes: tier.limitBytes, freeBytes: tier.freeBytes, order: tier.order() }
  }
}
