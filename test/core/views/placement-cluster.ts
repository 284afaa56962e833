/**
 * Nodes with real cores, policies and placement, whose gossip arrives at once and whose fetches take no time: what is left is what
 * they decide. One tier each; requests are counted and never bring a model in by themselves.
 */

import { createPrng } from '../../../common/prng.ts'
import type { ModelId } from '../../../common/types.ts'
import { NodeCore, type StateBody } from '../../../core/index.ts'
import {
  createEvictionPolicy,
  defaultPlacementOptions,
  type EvictionPolicy,
  type PlacementDecision,
  PlacementMemory,
  type PlacementOptions,
  type PlacementView,
  planPlacement,
} from '../../../placement/index.ts'
import { digest, sign, stateBody } from '../fixture.ts'

export interface ClusterNodeOptions {
  readonly name: string
  readonly zone: string
  readonly limitBytes: number
}

export interface ClusterNode extends ClusterNodeOptions {
  readonly core: NodeCore
  readonly policy: EvictionPolicy
  readonly memory: PlacementMemory
  readonly held: Set<ModelId>
  up: boolean
}

const initMs = 200
export const model = (name: string): ModelId => digest(name)

export class PlacementCluster {
  readonly nodes: ClusterNode[]
  readonly sizes: ReadonlyMap<ModelId, number>
  nowMs = 1_000
  movedBytes = 0
  private readonly options: PlacementOptions
  private readonly owed = new Map<string, number>()

  constructor(
    nodes: readonly ClusterNodeOptions[],
    sizes: Readonly<Record<string, number>>,
    options: Partial<PlacementOptions> = {},
  ) {
    this.options = { ...defaultPlacementOptions, ...options }
    this.sizes = new Map(Object.entries(sizes).map(([name, sizeBytes]) => [model(name), sizeBytes]))
    this.nodes = nodes.map((node, at) => ({
      ...node,
      core: new NodeCore({ self: node.name, epoch: 1, sign, random: createPrng(at) }),
      policy: createEvictionPolicy('holdfast'),
      memory: new PlacementMemory(this.options),
      held: new Set<ModelId>(),
      up: true,
    }))
    for (const node of this.nodes) {
      this.tell(node)
      for (const other of this.nodes) {
        if (other === node) continue
        this.step(node, { kind: 'peer-up', node: other.name })
        const rttMs = other.zone === node.zone ? 1 : 40
        this.step(node, { kind: 'rtt-measured', node: other.name, rttMs })
      }
    }
    this.pass(5_000)
  }

  node(name: string): ClusterNode {
    return this.nodes.find((node) => node.name === name)!
  }

  put(name: string, ...models: readonly string[]): void {
    const node = this.node(name)
    for (const each of models) this.insert(node, model(each))
    this.announce(node)
  }

  /** Time passes, with requests at given rates: node, model, requests per second. */
  pass(elapsedMs: number, rates: readonly (readonly [string, string, number])[] = []): void {
    const endMs = this.nowMs + elapsedMs
    while (this.nowMs < endMs) {
      this.nowMs += 1_000
      for (const [name, wanted, ratePerS] of rates) this.ask(name, model(wanted), ratePerS)
      for (const node of this.nodes) if (node.up) this.step(node, { kind: 'tick' })
    }
  }

  /** One node's round: looks, decides, and what it decided is done. */
  round(node: ClusterNode): PlacementDecision[] {
    const decisions = this.plan(node)
    node.memory.noteRound(decisions)
    for (const { kind, model: about, displaces } of decisions) {
      if (about === null) continue
      if (kind === 'shed') this.remove(node, about)
      if (kind !== 'copy' && kind !== 'prefetch') continue
      for (const victim of displaces) this.remove(node, victim)
      this.movedBytes += this.sizes.get(about)!
      this.insert(node, about)
    }
    this.announce(node)
    return decisions
  }

  plan(node: ClusterNode): PlacementDecision[] {
    return planPlacement(this.view(node), this.options)
  }

  view(node: ClusterNode): PlacementView {
    this.refreshCosts(node)
    const order = this.evict(node, Number.MAX_SAFE_INTEGER)
    return node.core.placementView(
      {
        isDraining: false,
        originAllowed: true,
        rooms: [
          { tier: 'memory', limitBytes: node.limitBytes, freeBytes: node.limitBytes - this.usedBytes(node), order },
        ],
        held: [...node.held].map((held) => ({
          model: held,
          sizeBytes: this.sizes.get(held)!,
          bytes: { memory: this.sizes.get(held)!, disk: 0 },
          isInUse: false,
          isPinned: false,
        })),
        arriving: [],
        replaced: new Map(),
        sizeOf: (wanted) => this.sizes.get(wanted) ?? null,
        needOf: (_, sizeBytes) => ({ memory: sizeBytes, disk: 0 }),
        initMs: () => initMs,
        diskMs: () => 0,
        mayForward: () => true,
        soonRatePerS: (wanted) => node.policy.expectedRatePerS?.(wanted, this.nowMs) ?? null,
        resolvePin: (name) => model(name),
      },
      node.memory,
      this.options.graceMs,
      this.nowMs,
    )
  }

  /** What the policy would evict, in order. */
  evict(node: ClusterNode, neededBytes: number): ModelId[] {
    const plan = node.policy.planEviction({ neededBytes, nowMs: this.nowMs, mayEvict: () => true })
    return plan.victims.map((victim) => victim.model)
  }

  refreshCosts(node: ClusterNode): void {
    for (const held of node.held) {
      const sizeBytes = this.sizes.get(held)!
      const soonRatePerS = node.policy.expectedRatePerS?.(held, this.nowMs) ?? null
      const facts = {
        model: held,
        sizeBytes,
        initMs,
        diskMs: null,
        mayForward: true,
        originAllowed: true,
        soonRatePerS,
      }
      const worth = node.core.copyWorth(facts, this.nowMs)
      node.policy.updateCost(held, worth.missCostMs, worth.othersLossMsPerS)
    }
  }

  remove(node: ClusterNode, gone: ModelId): void {
    node.held.delete(gone)
    node.policy.onRemove(gone, this.nowMs)
  }

  usedBytes(node: ClusterNode): number {
    return [...node.held].reduce((sum, held) => sum + this.sizes.get(held)!, 0)
  }

  holders(name: string): string[] {
    return this.nodes.filter(({ held, up }) => up && held.has(model(name))).map((node) => node.name)
  }

  announce(node: ClusterNode): void {
    const models = [...node.held].sort().map((held) => ({
      model: held,
      tier: 'memory' as const,
      sizeBytes: this.sizes.get(held)!,
    }))
    this.step(node, { kind: 'local-residency', models })
    // Until gossip has told of it: rounds of different nodes are drawn apart by more than that.
    this.pass(3_000)
  }

  step(node: ClusterNode, event: Parameters<typeof timed>[0]): void {
    for (const effect of node.core.step(timed(event, this.nowMs))) {
      if (effect.kind !== 'publish') continue
      for (const other of this.nodes) {
        if (other === node || !other.up) continue
        other.core.step({ kind: 'entries', from: node.name, entries: [effect.signed], nowMs: this.nowMs })
      }
    }
  }

  tell(node: ClusterNode): void {
    const body = stateBody({ zone: node.zone, tiers: roomsOf(node.limitBytes) })
    this.step(node, { kind: 'local-state', body })
  }

  private insert(node: ClusterNode, wanted: ModelId): void {
    if (node.held.has(wanted)) return
    node.held.add(wanted)
    node.policy.onInsert({ model: wanted, sizeBytes: this.sizes.get(wanted)!, missCostMs: 1 }, this.nowMs)
  }

  private ask(name: string, wanted: ModelId, ratePerS: number): void {
    const key = `${name} ${wanted}`
    let owed = (this.owed.get(key) ?? 0) + ratePerS
    const node = this.node(name)
    for (; owed >= 1; owed -= 1) {
      this.step(node, { kind: 'demand', model: wanted })
      node.policy.onRequest(wanted, this.nowMs)
    }
    this.owed.set(key, owed)
  }
}

function roomsOf(limitBytes: number): StateBody['tiers'] {
  const { disk } = stateBody().tiers
  return { memory: { freeBytes: limitBytes, limitBytes }, disk }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type CoreEvent = Parameters<NodeCore['step']>[0]

function timed(event: DistributiveOmit<CoreEvent, 'nowMs'>, nowMs: number): CoreEvent {
  return { ...event, nowMs } as CoreEvent
}
